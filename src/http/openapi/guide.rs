//! Operator's guide as HTML: plain text with links between the pages.

use bytes::Bytes;
use warp::reply::Response;

use super::page::static_response;
use crate::error::{Error, Result};
use crate::guide::{PAGES, page};
use crate::http::call::Call;
use crate::http::wire::printable;

const TEMPLATE: &str = include_str!("guide.html");

/// Lists the topics of the guide.
#[utoipa::path(
    get, path = "/guide",
    tag = "Description", operation_id = "guide",
    responses((status = 200, description = "The page.", body = String, content_type = "text/html"))
)]
pub(crate) async fn contents(call: Call) -> Result<Response> {
    let line = |topic: &str, about| format!("<a href=\"{{root}}guide/{topic}\">{topic}</a>: {about}\n");
    let lines: String = PAGES.iter().map(|page| line(page.topic, escaped(page.about))).collect();
    html(&call, "Guide", &lines)
}

/// Shows a page of the guide.
#[utoipa::path(
    get, path = "/guide/{topic}",
    tag = "Description", operation_id = "guidePage",
    responses((status = 200, description = "The page.", body = String, content_type = "text/html"))
)]
pub(crate) async fn topic(call: Call) -> Result<Response> {
    let name = call.parameter(0);
    let page = page(name).ok_or_else(|| Error::not_found("topic", printable(name)))?;
    let text = PAGES.iter().fold(escaped(page.text), |text, page| {
        let link = format!("<a href=\"{{root}}guide/{0}\">jim help {0}</a>", page.topic);
        text.replace(&format!("`jim help {}`", page.topic), &link)
    });
    html(&call, page.topic, &text)
}

fn html(call: &Call, title: &str, text: &str) -> Result<Response> {
    // Relative, because a proxy may serve the page below a path.
    let root = format!("./{}", "../".repeat(call.uri.path().matches('/').count().saturating_sub(1)));
    let html = TEMPLATE.replace("{title}", title).replace("{text}", text).replace("{root}", &root);
    static_response(Bytes::from(html), "text/html; charset=utf-8")
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
