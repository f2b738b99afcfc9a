//! A terminal in tmux: what a program draws on it as a person sees it, and keys as a person presses them.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::{Context as _, Result, bail};
use rustix::process::Signal;
use tempfile::TempDir;

use crate::account::end_with_us;
use crate::wait;

/// A tmux of its own, with one terminal. Dropping it ends what runs there.
pub struct Tmux {
    server: Child,
    socket: PathBuf,
    // Removed when the server has gone.
    _directory: TempDir,
}

impl Tmux {
    /// Runs a line of shell on a terminal of this size. What is said at its end stays to be seen.
    pub fn start(columns: u16, rows: u16, line: &str) -> Result<Self> {
        wait::go_on()?;
        let directory = tempfile::tempdir().context("cannot make a directory for tmux")?;
        let socket = directory.path().join("tmux");
        // In the foreground, so that it ends with us; a daemon would stay.
        let mut command = tmux(&socket);
        command.arg("-D").stdout(Stdio::null()).stderr(Stdio::null());
        end_with_us(&mut command, Signal::TERM);
        let server = command.spawn().context("cannot start tmux: `cargo xtask setup` installs it")?;
        let mut tmux = Self { server, socket, _directory: directory };
        tmux.until_listens()?;
        let (columns, rows) = (columns.to_string(), rows.to_string());
        let stay = format!("{line}; exec sleep infinity");
        tmux.tell(&["new-session", "-d", "-x", &columns, "-y", &rows, "/bin/sh", "-c", &stay])?;
        Ok(tmux)
    }

    fn until_listens(&mut self) -> Result<()> {
        wait::until("tmux listens", || {
            if let Some(status) = self.server.try_wait()? {
                bail!("tmux ended with {status}");
            }
            Ok(self.socket.exists().then_some(()))
        })
    }

    /// Presses keys, by their names in tmux: `Enter`, `Escape`, `Down`, `q`.
    pub fn press(&self, keys: &[&str]) -> Result<()> {
        self.tell(&[&["send-keys", "-t", ":"], keys].concat()).map(drop)
    }

    /// Types a text.
    pub fn write(&self, text: &str) -> Result<()> {
        self.tell(&["send-keys", "-t", ":", "-l", text]).map(drop)
    }

    /// From now on the terminal has this size.
    pub fn resize(&self, columns: u16, rows: u16) -> Result<()> {
        self.tell(&["resize-window", "-t", ":", "-x", &columns.to_string(), "-y", &rows.to_string()])
            .map(drop)
    }

    /// What is on the screen.
    pub fn screen(&self) -> Result<String> {
        self.tell(&["capture-pane", "-p", "-t", ":"])
    }

    /// The same with what makes its colours.
    pub fn coloured(&self) -> Result<String> {
        self.tell(&["capture-pane", "-p", "-e", "-t", ":"])
    }

    /// What tmux knows of the terminal, such as `alternate_on`.
    pub fn knows(&self, variable: &str) -> Result<String> {
        let format = format!("#{{{variable}}}");
        Ok(self.tell(&["display-message", "-p", "-t", ":", &format])?.trim().to_owned())
    }

    /// Waits until the screen is as it should be; what is on it then.
    pub fn until(&self, what: &str, is_so: impl Fn(&str) -> bool) -> Result<String> {
        let mut last = String::new();
        let seen = wait::until(what, || {
            last = self.screen()?;
            Ok(is_so(&last).then(|| last.clone()))
        });
        seen.with_context(|| format!("on the screen:\n{last}"))
    }

    /// Waits until all of these are on the screen.
    pub fn until_shows(&self, texts: &[&str]) -> Result<String> {
        self.until(&format!("the screen shows {texts:?}"), |screen| {
            texts.iter().all(|text| screen.contains(text))
        })
    }

    /// Waits until this is not on the screen any more.
    pub fn until_gone(&self, text: &str) -> Result<String> {
        self.until(&format!("{text:?} is gone from the screen"), |screen| !screen.contains(text))
    }

    fn tell(&self, words: &[&str]) -> Result<String> {
        let mut command = tmux(&self.socket);
        let output = command.args(words).stdin(Stdio::null()).output();
        let output = output.with_context(|| format!("cannot run tmux {words:?}"))?;
        if !output.status.success() {
            bail!("tmux {words:?}: {}", String::from_utf8_lossy(&output.stderr).trim());
        }
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }
}

impl Drop for Tmux {
    fn drop(&mut self) {
        let _ = self.tell(&["kill-server"]); // it may have ended
        let _ = self.server.kill(); // as above
        let _ = self.server.wait(); // nothing is to be done about an error here
    }
}

/// With nobody's configuration, in UTF-8, and not inside another tmux.
fn tmux(socket: &Path) -> Command {
    let mut command = Command::new("tmux");
    command.args(["-u", "-f", "/dev/null", "-S"]).arg(socket);
    command.env("LC_ALL", "C.UTF-8").env_remove("TMUX").env_remove("NO_COLOR");
    command
}
