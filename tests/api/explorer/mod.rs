//! The interactive page: what it is made of, that nothing of it comes from elsewhere, and how it is switched off. A
//! browser uses it in `browser`.

mod browser;

use std::net::SocketAddr;

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
        "/",
    ] {
        app.stranger().get(path).await.expect_error(404, "NOT_FOUND");
    }
    for path in ["/swagger", "/api/reference", "/swagger/swagger-ui.css", "/api/openapi/v1.json"] {
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
    for path in ["/api/openapi/v1.json", "/swagger", "/swagger/", "/swagger/swagger-ui.css", "/api/reference"] {
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
