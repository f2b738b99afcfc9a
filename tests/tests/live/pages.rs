//! Pages, in the browser that people look at them with.

mod live;
mod report;

use std::path::Path;
use std::{env, fs};

use anyhow::{Result, ensure};
use tests::chromium::{Browser, View};

/// Names a directory to keep pictures of the pages in, for who wants to look at them.
const KEEP: &str = "BURSTGUARD_KEEP_PAGES";

/// Whatever it is seen on, nothing is wrong with a page: nothing is loaded, run or refused, nothing is wider than the screen, and
/// nothing that should be text has become a part of the document. What is to be read on each view.
pub(crate) fn is_sound(browser: &mut Browser, name: &str, url: &str) -> Result<Vec<String>> {
    View::ALL.into_iter().map(|view| is_sound_on(browser, name, url, view)).collect()
}

fn is_sound_on(browser: &mut Browser, name: &str, url: &str, view: View) -> Result<String> {
    let mut page = browser.open(url, view)?;
    let complaints = page.complaints()?;
    ensure!(complaints.is_empty(), "{name} on {view:?}: {complaints:?}");
    let requests = page.requests();
    ensure!(requests.is_empty(), "{name} on {view:?} asks for {requests:?}");
    let width = page.width()?;
    ensure!(width <= u64::from(view.width()), "{name} on {view:?} is {width} wide");
    let foreign =
        page.evaluate("document.querySelectorAll('script, a, img, link, iframe, object, form').length")?;
    ensure!(foreign == 0, "{name} on {view:?} has {foreign} elements that it should not have");
    let headings = page.evaluate("document.querySelectorAll('h1').length")?;
    ensure!(headings == 1, "{name} on {view:?} has {headings} headings");
    let paper = page.evaluate("getComputedStyle(document.body).backgroundColor")?;
    ensure!(view != View::Paper || paper == "rgb(255, 255, 255)", "{name} is printed on {paper}");
    ensure!(view != View::Dark || paper != "rgb(255, 255, 255)", "{name} is {paper} in the dark");
    if let Some(directory) = env::var_os(KEEP) {
        fs::write(Path::new(&directory).join(format!("{name}-{view:?}.png")), page.screenshot()?)?;
    }
    page.text()
}

/// How many sheets it takes.
pub(crate) fn printed(browser: &mut Browser, url: &str) -> Result<usize> {
    let pdf = browser.open(url, View::Desktop)?.pdf()?;
    ensure!(pdf.starts_with(b"%PDF-"), "no PDF: {:?}", &pdf[..pdf.len().min(8)]);
    if let Some(directory) = env::var_os(KEEP) {
        fs::write(Path::new(&directory).join("printed.pdf"), &pdf)?;
    }
    let text = String::from_utf8_lossy(&pdf);
    Ok(text.matches("/Type /Page").count() - text.matches("/Type /Pages").count())
}

/// A page as it must not be: what the others are held to can be told.
#[test]
fn what_is_wrong_with_a_page_is_seen() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let file = directory.path().join("bad.html");
    let policy = "<!doctype html><meta http-equiv=content-security-policy content=\"default-src 'none'\">";
    let mut browser = Browser::start()?;
    let url = format!("file://{}", file.display());
    for (content, complaint) in [
        ("<script>document.body.append('ran')</script>", "Content Security Policy"),
        ("<p style='width:2000px'>wide</p>", "Content Security Policy"),
        ("<img src='http://127.0.0.1:9/x.png'>", "Content Security Policy"),
    ] {
        fs::write(&file, format!("{policy}{content}"))?;
        let complaints = browser.open(&url, View::Phone)?.complaints()?.join(" ");
        ensure!(complaints.contains(complaint), "{content}: {complaints}");
        ensure!(is_sound_on(&mut browser, "bad", &url, View::Phone).is_err(), "{content}");
    }
    fs::write(
        &file,
        "<!doctype html><meta name=viewport content='width=device-width'><p style='width:2000px'>wide",
    )?;
    ensure!(browser.open(&url, View::Phone)?.width()? >= 2000);
    fs::write(&file, "<!doctype html><img src='http://127.0.0.1:9/x.png'>")?;
    ensure!(browser.open(&url, View::Phone)?.requests() == ["http://127.0.0.1:9/x.png"]);
    Ok(())
}
