//! The interactive page and the guide: what they are made of, that nothing of them comes from elsewhere, and how they
//! are switched off. A browser uses the page in `browser`.

mod browser;

use std::net::SocketAddr;

use jim::guide::PAGES;
use reqwest::Response;

use crate::support::TestApp;
use crate::support::program::Place;

const FILES: [(&str, &str); 6] = [
    ("swagger-ui.css", "text/css; charset=utf-8"),
    ("swagger-ui-bundle.js", "text/javascript; charset=utf-8"),
    ("swagger-ui-standalone-preset.js", "text/javascript; charset=utf-8"),
    ("swagger-initializer.js", "text/javascript; charset=utf-8"),
    ("favicon-32x32.png", "image/png"),
    ("favicon-16x16.png", "image/png"),
];

async fn fetch(address: SocketAddr, method: &str, path: &str) -> Response {
    let no_redirects = reqwest::redirect::Policy::none();
    let http = reqwest::Client::builder().no_proxy().redirect(no_redirects).build().expect("a client");
    let method = reqwest::Method::from_bytes(method.as_bytes()).expect("a method");
    http.request(method, format!("http://{address}{path}")).send().await.expect("an answer")
}

fn header<'a>(answer: &'a Response, name: &str) -> &'a str {
    answer.headers().get(name).map_or("", |value| value.to_str().expect("text"))
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_lies_at_both_places_and_brings_its_own_files() {
    let app = TestApp::start().await;
    let mut pages = Vec::new();
    for path in ["/swagger", "/swagger/", "/Swagger", "/api/reference", "/api/reference/"] {
        let head = fetch(app.address, "HEAD", path).await;
        assert_eq!((head.status().as_u16(), header(&head, "content-type")), (200, "text/html; charset=utf-8"));
        let page = fetch(app.address, "GET", path).await;
        assert_eq!(page.status(), 200, "{path}");
        assert_eq!(header(&page, "content-type"), "text/html; charset=utf-8");
        dressed(&page);
        let page = page.text().await.expect("text");
        // Whatever the page loads is one of the files, found from the page alone: it may lie below a path of a proxy.
        let base = url::Url::parse(&format!("http://proxy/below{path}")).expect("a URL");
        let links = page.match_indices("href=\"").chain(page.match_indices("src=\""));
        let links = links.map(|(at, name)| page[at + name.len()..].split('"').next().expect("a link"));
        let mut links: Vec<String> = links.map(|link| base.join(link).expect("a link").path().to_owned()).collect();
        links.sort_unstable();
        let mut files: Vec<String> = FILES.iter().map(|(name, _)| format!("/below/swagger/{name}")).collect();
        files.push("/below/api/openapi/v1.json".to_owned());
        files.sort_unstable();
        assert_eq!(links, files, "{path}");
        pages.push(page);
    }
    assert!(!pages[0].contains("http") && !pages[0].contains("<script>") && !pages[0].contains("<style"));
    for (name, kind) in FILES {
        let file = fetch(app.address, "GET", &format!("/swagger/{name}")).await;
        assert_eq!((file.status().as_u16(), header(&file, "content-type")), (200, kind), "{name}");
        dressed(&file);
        assert!(!file.bytes().await.expect("bytes").is_empty(), "{name}");
    }
    let start = fetch(app.address, "GET", "/swagger/swagger-initializer.js").await.text().await.expect("text");
    for line in ["new URL(\"../api/openapi/v1.json\"", "persistAuthorization: false", "validatorUrl: \"none\""] {
        assert!(start.contains(line), "{line} is not in {start}");
    }
}

fn dressed(answer: &Response) {
    let policy = "default-src 'self'; img-src 'self' data:; style-src 'self' 'unsafe-inline'";
    assert_eq!(header(answer, "content-security-policy"), policy);
    assert_eq!(header(answer, "cache-control"), "no-store");
    assert_eq!(header(answer, "x-content-type-options"), "nosniff");
    assert_eq!(header(answer, "x-frame-options"), "DENY");
    assert_eq!(header(answer, "x-request-id").len(), 36);
    assert!(answer.headers().get("server").is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_beside_the_page_is_not_there() {
    let app = TestApp::start().await;
    for path in [
        "/swagger/index.html",
        "/swagger/oauth2-redirect.html",
        "/swagger/swagger-ui-es-bundle.js",
        "/swagger/..%2fjim.db",
        "/swagger/SWAGGER-UI.CSS",
        "/swagger//",
        "/swagger/a/b",
        "/api/reference/swagger-ui.css",
        "/guide/nothing",
        "/guide/Backup",
        "/guide/backup.md",
        "/guide/backup/x",
        "/",
    ] {
        app.stranger().get(path).await.expect_error(404, "NOT_FOUND");
    }
    for path in ["/swagger", "/api/reference", "/swagger/swagger-ui.css", "/api/openapi/v1.json", "/guide/backup"] {
        let answer = app.stranger().send("POST", path, None).await;
        assert_eq!(answer.header("allow"), "GET, HEAD");
        assert_eq!(answer.header("content-security-policy"), "default-src 'none'");
        answer.expect_error(405, "METHOD_NOT_ALLOWED");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn it_can_be_switched_off() {
    let place = Place::new().with("JIM_DOCS_ENABLED", "false");
    let server = place.serve();
    let description = ["/api/openapi/v1.json", "/swagger", "/swagger/", "/swagger/swagger-ui.css", "/api/reference"];
    for path in description.into_iter().chain(["/guide", "/guide/backup"]) {
        for method in ["GET", "POST"] {
            let answer = fetch(server.address(), method, path).await;
            assert_eq!(answer.status(), 404, "{path}");
            let body: serde_json::Value = answer.json().await.expect("JSON");
            assert_eq!(body["code"], "NOT_FOUND", "{path}");
        }
    }
    server.client("").get("/api/v1/health").await.expect_status(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_at_the_root_finds_the_way_on() {
    let app = TestApp::start().await;
    let ask = |accept: &'static str| {
        let request = reqwest::Client::new().get(format!("http://{}/", app.address));
        async move { request.header("accept", accept).send().await.expect("an answer") }
    };
    let page = ask("text/html,application/xhtml+xml;q=0.9,*/*;q=0.8").await;
    assert_eq!((page.status().as_u16(), header(&page, "content-type")), (200, "text/html; charset=utf-8"));
    dressed(&page);
    let page = page.text().await.expect("text");
    for (at, name) in page.match_indices("href=\"") {
        let link = page[at + name.len()..].split('"').next().expect("a link");
        assert!(!link.starts_with('/'), "{link} would not lead below a path of a proxy");
        assert_eq!(fetch(app.address, "GET", &format!("/{link}")).await.status(), 200, "{link}");
    }
    let program = ask("*/*").await;
    assert_eq!(program.status(), 404);
    assert!(program.text().await.expect("text").contains("There is nothing at this path."));
}

/// Every link of a page, as a browser finds it below a path of a proxy.
fn links(page: &str, path: &str) -> Vec<String> {
    let base = url::Url::parse(&format!("http://proxy/below{path}")).expect("a URL");
    let links =
        page.match_indices("href=\"").map(|(at, name)| page[at + name.len()..].split('"').next().expect("a link"));
    let below = |link| base.join(link).expect("a link").path().strip_prefix("/below").expect("below").to_owned();
    links.map(below).collect()
}

/// The text of a page as a browser shows it.
fn text(page: &str) -> String {
    let body = page.split_once("<pre>\n").and_then(|(_, rest)| rest.split_once("</pre>")).expect("a text").0;
    let mut pieces = body.split('<');
    let first = pieces.next().unwrap_or_default().to_owned();
    let text = pieces.fold(first, |text, piece| text + piece.split_once('>').expect("the end of a tag").1);
    text.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"").replace("&amp;", "&")
}

#[tokio::test(flavor = "multi_thread")]
async fn the_guide_is_read_in_the_browser() {
    let app = TestApp::start().await;
    let topics = PAGES.iter().map(|page| format!("/guide/{}", page.topic));
    for path in ["/guide", "/guide/"] {
        let answer = fetch(app.address, "GET", path).await;
        assert_eq!((answer.status().as_u16(), header(&answer, "content-type")), (200, "text/html; charset=utf-8"));
        dressed(&answer);
        let page = answer.text().await.expect("text");
        let expected: Vec<String> = ["/".to_owned(), "/guide".to_owned()].into_iter().chain(topics.clone()).collect();
        assert_eq!(links(&page, path), expected, "{path}");
        assert!(PAGES.iter().all(|page_of| text(&page).contains(page_of.about)), "{page}");
    }
    let mut linked = 0;
    for page in &PAGES {
        for path in [format!("/guide/{}", page.topic), format!("/guide/{}/", page.topic)] {
            let answer = fetch(app.address, "GET", &path).await;
            assert_eq!((answer.status().as_u16(), header(&answer, "content-type")), (200, "text/html; charset=utf-8"));
            dressed(&answer);
            let html = answer.text().await.expect("text");
            let links = links(&html, &path);
            assert_eq!(&links[..2], ["/", "/guide"], "{path}");
            assert!(links[2..].iter().all(|link| topics.clone().any(|topic| topic == *link)), "{path}: {links:?}");
            linked += links.len() - 2;
            // Links stand in the place of commands.
            let shown = PAGES.iter().fold(page.text.to_owned(), |text, other| {
                text.replace(&format!("`jim help {}`", other.topic), &format!("jim help {}", other.topic))
            });
            assert_eq!(text(&html), shown, "{path}");
        }
    }
    assert!(linked > 10, "{linked}");
}
