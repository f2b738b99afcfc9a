//! A page in the browser, as somebody sees it.

use anyhow::{Context as _, Result, ensure};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value, json};

use super::pipe::Pipe;

/// On what it is seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum View {
    /// A screen that is wide enough for everything.
    Desktop,
    /// The narrowest telephone.
    Phone,
    /// A screen whose owner wants it dark.
    Dark,
    /// A sheet of A4 between its margins; its owner wants screens dark.
    Paper,
}

/// A page that is open.
pub struct Page<'a> {
    pipe: &'a mut Pipe,
    session: String,
    url: String,
}

impl View {
    /// Every way to see a page.
    pub const ALL: [Self; 4] = [Self::Desktop, Self::Phone, Self::Dark, Self::Paper];

    /// In pixels.
    #[must_use]
    pub fn width(self) -> u32 {
        match self {
            Self::Desktop | Self::Dark => 1200,
            Self::Phone => 360,
            Self::Paper => 680,
        }
    }

    fn metrics(self) -> Value {
        let is_phone = self == Self::Phone;
        json!({ "width": self.width(), "height": 800, "deviceScaleFactor": if is_phone { 2 } else { 1 }, "mobile": is_phone })
    }

    fn media(self) -> Value {
        let scheme = if matches!(self, Self::Dark | Self::Paper) { "dark" } else { "light" };
        let media = if self == Self::Paper { "print" } else { "screen" };
        json!({ "media": media, "features": [{ "name": "prefers-color-scheme", "value": scheme }] })
    }
}

impl<'a> Page<'a> {
    pub(super) fn open(pipe: &'a mut Pipe, session: String, url: &str, view: View) -> Result<Self> {
        let mut page = Self { pipe, session, url: url.to_owned() };
        for domain in ["Page", "Runtime", "Log", "Network"] {
            page.call(&format!("{domain}.enable"), &json!({}))?;
        }
        page.call("Emulation.setDeviceMetricsOverride", &view.metrics())?;
        page.call("Emulation.setEmulatedMedia", &view.media())?;
        let navigated = page.call("Page.navigate", &json!({ "url": url }))?;
        ensure!(navigated["errorText"].is_null(), "it cannot be opened: {navigated}");
        page.pipe.until(&page.session, "Page.loadEventFired")?;
        Ok(page)
    }

    fn call(&mut self, method: &str, params: &Value) -> Result<Value> {
        self.pipe.call(Some(&self.session), method, params)
    }

    /// What an expression comes to, whatever the page itself may run.
    pub fn evaluate(&mut self, expression: &str) -> Result<Value> {
        let params = json!({ "expression": expression, "returnByValue": true });
        let mut answer = self.call("Runtime.evaluate", &params)?;
        ensure!(answer["exceptionDetails"].is_null(), "{expression}: {}", answer["exceptionDetails"]);
        Ok(answer["result"]["value"].take())
    }

    /// The document, as the browser has understood it.
    pub fn dom(&mut self) -> Result<String> {
        self.text_of("document.documentElement.outerHTML")
    }

    /// What can be read on it.
    pub fn text(&mut self) -> Result<String> {
        self.text_of("document.body.innerText")
    }

    fn text_of(&mut self, expression: &str) -> Result<String> {
        let value = self.evaluate(expression)?;
        Ok(value.as_str().with_context(|| format!("{expression} is text: {value}"))?.to_owned())
    }

    /// How wide all of it is: more than its view, and one has to move it from side to side.
    pub fn width(&mut self) -> Result<u64> {
        let width = self.evaluate("document.documentElement.scrollWidth")?;
        width.as_u64().with_context(|| format!("a width: {width}"))
    }

    /// What the browser has to say against it: errors, and what its security policy has kept from happening.
    pub fn complaints(&mut self) -> Result<Vec<String>> {
        // Whatever was on its way is here when it answers.
        self.evaluate("0")?;
        let events = ["Log.entryAdded", "Runtime.exceptionThrown", "Runtime.consoleAPICalled"];
        let all = events.iter().flat_map(|event| self.pipe.events(&self.session, event));
        Ok(all.map(ToString::to_string).collect())
    }

    /// All that it has asked for beside itself.
    #[must_use]
    pub fn requests(&self) -> Vec<String> {
        let sent = self.pipe.events(&self.session, "Network.requestWillBeSent");
        let urls = sent.filter_map(|event| event["request"]["url"].as_str()).filter(|url| *url != self.url);
        urls.map(str::to_owned).collect()
    }

    /// All of it as a picture, in PNG.
    pub fn screenshot(&mut self) -> Result<Vec<u8>> {
        self.file("Page.captureScreenshot", &json!({ "format": "png", "captureBeyondViewport": true }))
    }

    /// As it is printed, on A4.
    pub fn pdf(&mut self) -> Result<Vec<u8>> {
        let a4 = json!({ "paperWidth": 8.27, "paperHeight": 11.69, "preferCSSPageSize": true });
        self.file("Page.printToPDF", &a4)
    }

    fn file(&mut self, method: &str, params: &Value) -> Result<Vec<u8>> {
        let answer = self.call(method, params)?;
        let data = answer["data"].as_str().with_context(|| format!("{method} answers with a file"))?;
        STANDARD.decode(data).with_context(|| format!("{method} answers in base64"))
    }
}
