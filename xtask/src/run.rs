//! Running other programs: to the end, for their output, or line by line while they go.

use std::io::{BufRead as _, BufReader, Write};
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};

use anyhow::{Context as _, Result, bail, ensure};

/// Runs `command` with our own output; an exit status other than zero is an error.
pub(crate) fn to_the_end(command: &mut Command) -> Result<()> {
    let status = command.status().with_context(|| cannot_start(command))?;
    ensure!(status.success(), "{} failed: {status}", shown(command));
    Ok(())
}

/// Runs `command` and returns what it wrote; if it fails, all that it said goes into the error.
pub(crate) fn for_output(command: &mut Command) -> Result<String> {
    let output = command.output().with_context(|| cannot_start(command))?;
    if !output.status.success() {
        let said = [output.stdout, output.stderr].concat();
        bail!("{} failed: {}: {}", shown(command), output.status, String::from_utf8_lossy(&said).trim());
    }
    String::from_utf8(output.stdout).with_context(|| format!("{} wrote something not UTF-8", shown(command)))
}

/// Runs `command`, passes its standard output on to `to` as it comes, and shows each full line to `see`.
pub(crate) fn watched(
    command: &mut Command,
    mut to: impl Write,
    mut see: impl FnMut(&str),
) -> Result<ExitStatus> {
    let mut child = command.stdout(Stdio::piped()).spawn().with_context(|| cannot_start(command))?;
    let mut from = BufReader::new(child.stdout.take().context("the child's output was piped just above")?);
    let mut line = Vec::new();
    loop {
        // Not line by line: the test harness writes a test's name before it runs it, its result after.
        let some = from.fill_buf().with_context(|| format!("reading what {} writes", shown(command)))?;
        if some.is_empty() {
            break;
        }
        to.write_all(some).and_then(|()| to.flush()).context("passing a test's output on")?;
        for piece in some.split_inclusive(|&byte| byte == b'\n') {
            line.extend_from_slice(piece);
            if piece.ends_with(b"\n") {
                see(String::from_utf8_lossy(&line).trim_end());
                line.clear();
            }
        }
        let read = some.len();
        from.consume(read);
    }
    child.wait().with_context(|| format!("waiting for {}", shown(command)))
}

/// A command for a program of another system's, in its root directory; nothing of our environment goes with it, such as
/// a directory for temporary files that is not there.
pub(crate) fn chrooted(root: &Path) -> Command {
    let mut chroot = Command::new("chroot");
    chroot
        .env_clear()
        .env("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
        .env("LC_ALL", "C.UTF-8");
    chroot.arg(root);
    chroot
}

/// A command as one would type it, without its environment.
pub(crate) fn shown(command: &Command) -> String {
    let words = [command.get_program()].into_iter().chain(command.get_args());
    let words: Vec<_> = words.map(|word| word.to_string_lossy()).collect();
    format!("`{}`", words.join(" "))
}

fn cannot_start(command: &Command) -> String {
    format!("cannot start {}", shown(command))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_seen_whole_and_the_status_is_kept() {
        let (mut passed_on, mut seen) = (Vec::new(), Vec::new());
        let mut command = Command::new("sh");
        command.args(["-c", "printf 'one '; sleep 0.05; printf 'line\\ntwo\\nend'; exit 3"]);
        let status = watched(&mut command, &mut passed_on, |line| seen.push(line.to_owned()));
        assert_eq!(status.unwrap().code(), Some(3));
        assert_eq!(seen, ["one line", "two"]);
        assert_eq!(passed_on, b"one line\ntwo\nend");
    }

    #[test]
    fn an_error_names_the_command_and_its_complaint() {
        let error =
            for_output(Command::new("sh").args(["-c", "echo E: bad; echo no such thing >&2; exit 4"]))
                .unwrap_err();
        let error = error.to_string();
        assert!(error.contains("sh -c") && error.ends_with("E: bad\nno such thing"), "{error}");
    }
}
