//! The program `burstguard`; all of it is in the library beside.

use std::process::ExitCode;

fn main() -> ExitCode {
    burstguard::main()
}
