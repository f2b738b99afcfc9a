//! Everything that is done to this repository, as one program: `cargo xtask --help`.

mod bench;
mod corpus;
mod docs;
mod fuzz;
mod lint;
mod monitoring;
mod once;
mod package;
#[cfg(test)]
mod pages;
mod product;
mod run;
mod setup;
mod tally;
mod test;
mod verify;
mod vm;
mod workspace;

use std::ffi::OsString;
use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};

use crate::workspace::Workspace;

/// Build, test and try burstguard.
///
/// `setup` fetches what stable Rust lacks to build the kernel programs; `test`, `demo` and `bench` run it first.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Cli {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Find or install all that building the kernel programs takes
    ///
    /// A nightly toolchain with rust-src is taken if there is one, else Debian's rustc-web packages, installed
    /// when run as root. sudo and a headless Chromium, which the demonstration and the tests of pages use,
    /// are installed too. bpf-linker is built once, into target/tools. Running it again only looks.
    Setup,
    /// Check format, clippy, licences and where dependencies come from
    Lint,
    /// Run every test, and end with one line that sums them up
    ///
    /// Setup, lint, unit and property tests, generated documents, loom, a moment of fuzzing, a release build and the package, then the tests that load
    /// the kernel programs and need root, what is shipped for Prometheus, and virtual machines.
    Test(test::Options),
    /// Test on another kernel than this one, in a virtual machine
    ///
    /// Debian's kernel and a minimal Debian are fetched by apt and kept in target/vm; QEMU emulates the processor, so
    /// it needs no KVM and takes its time. Ends with one line a kernel. Needs root.
    Vm(vm::Options),
    /// Play a corpus of real work in a virtual machine, and say whether burstguard is right about it
    ///
    /// Each case of tests/corpus is played as an automation account under the policy that burstguard is shipped with. Ends
    /// with a table and the figures; fails if any case is wrong. Needs root.
    Corpus(corpus::Options),
    /// Count what the kernel's verifier goes through for each program, in a virtual machine for each kernel
    ///
    /// Fails where a program exceeds the limit that is kept for it. Needs root.
    Verify(verify::Options),
    /// Have what is shipped for Prometheus, Alertmanager and Grafana judged by Prometheus' and Alertmanager's own programs
    ///
    /// Debian's packages are fetched by apt and kept unpacked in target/monitoring. Needs root, for a daemon that serves metrics.
    Monitoring,
    /// Have libFuzzer try everything that reads what others wrote; ends with a line a target
    ///
    /// What it finds is kept in target/fuzz/found, with the command that does it again; the inputs that reach something are kept in
    /// target/fuzz/corpus, and it goes on from them. Takes a compiler of C++.
    Fuzz(fuzz::Options),
    /// Make the Debian package
    ///
    /// cargo-deb is built once, into target/tools. Prints where the package is.
    Package {
        /// Also look into it, and have lintian judge it, in a Debian of its own below target/vm. Needs root.
        #[arg(long)]
        check: bool,
    },
    /// Write the documents that are made of the program
    Docs {
        /// Write nothing; fail if one of them is not what it would be
        #[arg(long)]
        check: bool,
    },
    /// Build everything and run the demonstration; what follows is passed on to it
    Demo {
        /// In a virtual machine, whose kernel can hold a call: an `rm` waits for an approval. Needs root.
        #[arg(long, conflicts_with = "args")]
        vm: bool,
        /// For the demonstration; after `--` also its own --help
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<OsString>,
    },
    /// Build everything and run the benchmarks: one table, burstguard beside what else there is
    Bench(bench::Options),
}

fn main() -> ExitCode {
    obey(Cli::parse().verb).unwrap_or_else(|error| {
        // Never the backtrace that anyhow adds when asked by the environment: it buries what to do next.
        eprintln!("error: {error:#}");
        ExitCode::FAILURE
    })
}

fn obey(verb: Verb) -> Result<ExitCode> {
    let workspace = Workspace::locate()?;
    match verb {
        Verb::Setup => setup::run(&workspace).map(|()| ExitCode::SUCCESS),
        Verb::Lint => lint::run(&workspace).map(|()| ExitCode::SUCCESS),
        Verb::Test(options) => Ok(test::run(&workspace, &options)),
        Verb::Vm(options) => vm::run(&workspace, &options).map(|()| ExitCode::SUCCESS),
        Verb::Corpus(options) => corpus::run(&workspace, &options).map(|()| ExitCode::SUCCESS),
        Verb::Verify(options) => verify::run(&workspace, &options).map(|()| ExitCode::SUCCESS),
        Verb::Monitoring => monitoring::run(&workspace).map(|()| ExitCode::SUCCESS),
        Verb::Fuzz(options) => fuzz::run(&workspace, &options).map(|()| ExitCode::SUCCESS),
        Verb::Package { check } => package::run(&workspace, check).map(|()| ExitCode::SUCCESS),
        Verb::Docs { check } => docs::run(&workspace, check).map(|()| ExitCode::SUCCESS),
        Verb::Demo { vm: true, .. } => vm::demo(&workspace),
        Verb::Demo { args, .. } => product::exec(&workspace, "demo", &args),
        Verb::Bench(options) => bench::run(&workspace, &options),
    }
}
