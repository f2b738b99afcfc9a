//! The page beside the metrics, in a browser.

use anyhow::{Result, ensure};
use tests::chromium::{Browser, View};
use tests::wait;

use crate::check::FILES;
use crate::check::each;
use crate::commands::{burst_is_known, decide};
use crate::metrics::{free, measured_with};

#[test]
fn a_person_sees_what_waits_and_that_it_goes_on() -> Result<()> {
    let address = free()?;
    let mut scene = measured_with(address, |policy| policy)?;
    let mut browser = Browser::start()?;
    let url = format!("http://{address}/");
    {
        let mut page = browser.open(&url, View::Desktop)?;
        let mut shows = |what: &str| wait::until(what, || Ok(page.text()?.contains(what).then_some(())));
        shows("nothing waits")?;
        let job = each(&scene, &["unlink {}"])?;
        burst_is_known(&mut scene, &job)?;
        shows("burstguard incident 1")?;
        shows("TRIPPED")?;
        shows("burst 1")?; // in the timeline
        shows(&format!("{} operations happened", scene.destroyed(FILES)))?;
        decide(&["kill", "1"])?;
        shows("nothing waits")?;
        shows("killed 1")?;
        // Names of files are nobody's business there.
        ensure!(!page.dom()?.contains("f1"), "{}", page.dom()?);
        let asked = page.requests();
        ensure!(asked.iter().all(|one| one.starts_with(&url) || one.starts_with("data:")), "{asked:?}");
        assert_eq!(page.complaints()?, [""; 0]);
    }
    for view in View::ALL {
        let mut page = browser.open(&url, view)?;
        wait::until("the accounts", || Ok(page.text()?.contains("a0").then_some(())))?;
        let (width, most) = (page.width()?, u64::from(view.width()));
        ensure!(width <= most, "{view:?} is {most} wide, the page {width}");
    }
    scene.account.end_processes();
    scene.end().map(drop)
}

#[test]
fn a_page_whose_daemon_has_gone_says_that_it_is_old() -> Result<()> {
    let address = free()?;
    let scene = measured_with(address, |policy| policy)?;
    let mut browser = Browser::start()?;
    let mut page = browser.open(&format!("http://{address}/"), View::Desktop)?;
    wait::until("it is live", || Ok(page.text()?.contains("live, ").then_some(())))?;
    scene.end()?;
    wait::until("it says so", || Ok(page.text()?.contains("NOT LIVE").then_some(())))
}
