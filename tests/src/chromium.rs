//! A browser that pages are looked at in: Debian's headless Chromium, told what to do over a pipe (the Chrome DevTools Protocol).

mod page;
mod pipe;

use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use anyhow::{Context as _, Result, ensure};
use rustix::process::{Pid, Signal, kill_process_group};
use serde_json::json;
use tempfile::TempDir;

use crate::account::end_with_us;
use crate::wait;
pub use page::{Page, View};
use pipe::Pipe;

const PROGRAM: &str = "/usr/bin/chromium-headless-shell";
/// It reads what it is told from descriptor 3, and answers on 4.
const SCRIPT: &str = r#"exec "$0" "$@" 3<&0 4>&1 </dev/null >&2"#;

/// A Chromium with a profile of its own. Dropping it ends it.
pub struct Browser {
    child: Child,
    pipe: Pipe,
    _profile: TempDir,
}

impl Browser {
    /// Starts it.
    pub fn start() -> Result<Self> {
        ensure!(
            Path::new(PROGRAM).exists(),
            "there is no {PROGRAM} to look at pages with: `cargo xtask setup` as root, or apt-get install \
             chromium-headless-shell fonts-dejavu-core"
        );
        let profile = tempfile::tempdir().context("a profile for Chromium")?;
        let mut command = Command::new("/bin/sh");
        command.args(["-c", SCRIPT, PROGRAM, "--headless", "--remote-debugging-pipe", "--disable-gpu"]);
        // Its sandbox does not take root, who runs these tests; the pages are ours.
        command.args([
            "--no-sandbox",
            "--no-first-run",
            "--disable-background-networking",
            "--hide-scrollbars",
        ]);
        command.arg(format!("--user-data-dir={}", profile.path().display()));
        command.process_group(0).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        end_with_us(&mut command, Signal::KILL);
        let mut child = command.spawn().with_context(|| format!("cannot start {PROGRAM}"))?;
        let (stdin, stdout) = child.stdin.take().zip(child.stdout.take()).context("both are pipes")?;
        Ok(Self { child, pipe: Pipe::new(stdin, stdout), _profile: profile })
    }

    /// Opens a page, and waits until all that it wants is there.
    pub fn open(&mut self, url: &str, view: View) -> Result<Page<'_>> {
        let target = self.pipe.call(None, "Target.createTarget", &json!({ "url": "about:blank" }))?;
        let attach = json!({ "targetId": target["targetId"], "flatten": true });
        let attached = self.pipe.call(None, "Target.attachToTarget", &attach)?;
        let session = attached["sessionId"].as_str().context("a session has a name")?.to_owned();
        Page::open(&mut self.pipe, session, url, view).with_context(|| format!("in Chromium, {url}"))
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        self.pipe.close();
        let ended = wait::settle(|| !matches!(self.child.try_wait(), Ok(None)));
        if !ended {
            // Nobody but us takes its exit status, so the group is still its own.
            let group = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
            let _ = group.map(|group| kill_process_group(group, Signal::KILL)); // it may end just now
            let _ = self.child.wait(); // nothing is to be done about an error here
        }
    }
}
