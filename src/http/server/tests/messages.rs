//! What is refused, and what every answer carries.

use super::*;

#[tokio::test]
async fn every_answer_wears_the_same() {
    let server = start(small()).await;
    let mut stream = server.connect().await;
    stream.write_all(get("/ok", "").as_bytes()).await.unwrap();
    let text = one(&mut stream).await;
    for line in [
        "cache-control: no-store",
        "x-content-type-options: nosniff",
        "x-frame-options: DENY",
        "content-security-policy: default-src 'none'",
    ] {
        assert_eq!(text.matches(line).count(), 1, "{line} in {text}");
    }
    assert!(!text.contains("server:") && !text.contains("connection:"));
    stream.write_all(get("/own", "Connection: close\r\n").as_bytes()).await.unwrap();
    let text = rest(&mut stream).await;
    assert!(text.contains("default-src 'self'") && !text.contains("'none'") && text.contains("connection: close"));
}

#[tokio::test]
async fn request_ids_are_echoed_or_made() {
    let server = start(small()).await;
    let who = async |line: &str| {
        let text = server.say(get("/who", &format!("{line}Connection: close\r\n"))).await;
        let id = text.split("x-request-id: ").nth(1).unwrap().lines().next().unwrap().to_owned();
        assert!(text.ends_with(&format!("\"{id} 127.0.0.1\"")), "{text}");
        id
    };
    assert_eq!(who("X-Request-Id: a.B_9-\r\n").await, "a.B_9-");
    let made = who("").await;
    assert!(uuid::Uuid::parse_str(&made).is_ok() && made != who("").await);
    for bad in ["a b".to_owned(), "a/b".to_owned(), "é".to_owned(), String::new(), "x".repeat(65)] {
        assert_eq!(who(&format!("X-Request-Id: {bad}\r\n")).await.len(), 36, "{bad}");
    }
}

#[tokio::test]
async fn large_heads_are_refused() {
    let server = start(small()).await;
    let padded = |size: usize| {
        let (before, after) = ("GET /ok HTTP/1.1\r\nHost: x\r\nConnection: close\r\nA: ", "\r\n\r\n");
        format!("{before}{}{after}", "a".repeat(size - before.len() - after.len()))
    };
    let with = |n: usize| get("/ok", &("Connection: close\r\n".to_owned() + &"A: b\r\n".repeat(n - 2)));
    let target = |n: usize| get(&format!("/ok?{}", "a".repeat(n - 4)), "Connection: close\r\n");
    for fine in [padded(16 * 1024), with(48), target(8 * 1024)] {
        assert!(server.say(fine).await.contains("fine"));
    }
    for (request, status) in [
        (padded(16 * 1024 + 1), 431),
        (padded(300 * 1024), 431),
        (with(49), 431),
        (target(8 * 1024 + 1), 400),
        (target(70_000), 431),
    ] {
        server.refused(&request, status).await;
        let mut stream = server.connect().await;
        stream.write_all(get("/ok", "").as_bytes()).await.unwrap();
        one(&mut stream).await;
        stream.write_all(request.as_bytes()).await.unwrap();
        assert_refusal(&rest(&mut stream).await, status, "second request");
        // The same in one piece: the answer to the first must stay whole.
        let text = server.say(get("/ok", "") + &request).await;
        let (first, second) = text.split_once("\"fine\"").unwrap();
        assert!(first.starts_with("HTTP/1.1 200 OK\r\n"));
        assert_refusal(second, status, "pipelined request");
    }
}

#[tokio::test]
async fn faults_of_the_message_are_refused() {
    let server = start(small()).await;
    let post = |lines: &str| format!("POST /read HTTP/1.1\r\nHost: x\r\n{lines}\r\n0\r\n\r\n");
    for request in [
        "GET /ok HTTP/1.1\r\n\r\n".to_owned(),
        get("/ok", "Host: x\r\n"),
        get("/ok", "Host: y\r\n"),
        "GET /ok HTTP/1.1\r\nHost: a b\r\n\r\n".to_owned(),
        "GET /ok HTTP/1.1\r\nHost: a, b\r\n\r\n".to_owned(),
        get("*", ""),
        get("x:80", ""),
        get("ok", ""),
        get("ftp://x/ok", ""),
        "CONNECT x:80 HTTP/1.1\r\nHost: x\r\n\r\n".to_owned(),
        "CONNECT /ok HTTP/1.1\r\nHost: x\r\n\r\n".to_owned(),
        post("Transfer-Encoding: gzip, chunked\r\n"),
        post("Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n"),
        post("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n"),
        post("Transfer-Encoding: chunked, chunked\r\n"),
        post("Transfer-Encoding: xchunked\r\n"),
        post("Transfer-Encoding: identity\r\n"),
        post("Transfer-Encoding:\r\n"),
        post("Content-Length: 5\r\nContent-Length: 6\r\n"),
        post("Content-Length: 5, 5\r\n"),
        post("Content-Length: +5\r\n"),
        post("Content-Length: -1\r\n"),
        post("Content-Length: 99999999999999999999\r\n"),
        "POST /read HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n".to_owned(),
        get("/ok", "A: b\r\n c\r\n"),
        get("/ok", "A : b\r\n"),
        get("/ok", "A: \0\r\n"),
        get("/o\0k", ""),
        get("/ok", "no colon\r\n"),
        "GET  /ok HTTP/1.1\r\nHost: x\r\n\r\n".to_owned(),
        "GET /ok HTTP/1.2\r\nHost: x\r\n\r\n".to_owned(),
        "GET /ok HTTP/3.0\r\nHost: x\r\n\r\n".to_owned(),
        "GET /ok\r\n\r\n".to_owned(),
        "\u{16}\u{3}\u{1}\u{2}\0\u{1}\0 hello TLS".to_owned(),
    ] {
        server.refused(request, 400).await;
    }
}

#[tokio::test]
async fn what_two_readers_could_read_differently_gets_one_answer() {
    let server = start(small()).await;
    let smuggled = get("/who", "");
    for lines in ["Content-Length: 6\r\nTransfer-Encoding: chunked", "Transfer-Encoding: chunked\r\nContent-Length: 6"]
    {
        let text = server.say(format!("POST /read HTTP/1.1\r\nHost: x\r\n{lines}\r\n\r\n0\r\n\r\n{smuggled}")).await;
        assert_eq!(text.matches("HTTP/1.1").count(), 1, "{text}");
        assert!(text.contains("connection: close"), "{text}");
    }
    let text = server.say("GET http://y/ok HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await;
    assert!(text.contains("fine"), "{text}");
    let chunk = "POST /read HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n".to_owned() + &smuggled;
    let text = server.say(chunk).await;
    assert_eq!(text.matches("HTTP/1.1").count(), 1, "{text}");
    assert!(text.contains("connection: close"), "{text}");
}

#[tokio::test]
async fn only_http_1_is_spoken() {
    let server = start(small()).await;
    assert_eq!(server.say("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\u{4}\0\0\0\0\0").await, "");
    let lines = "Connection: upgrade, http2-settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n";
    let mut stream = server.connect().await;
    for _ in 0..2 {
        stream.write_all(get("/ok", lines).as_bytes()).await.unwrap();
        assert!(one(&mut stream).await.starts_with("HTTP/1.1 200 OK"));
    }
    for lines in ["", "Connection: keep-alive\r\n"] {
        let text = server.say(format!("GET /ok HTTP/1.0\r\n{lines}\r\n")).await;
        assert!(text.starts_with("HTTP/1.0 200 OK") && text.contains("fine"), "{text}");
    }
    let text = server.say("TRACE /ok HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await;
    assert!(text.starts_with("HTTP/1.1 405 ") && text.contains("\r\nallow: "), "{text}");
}

#[tokio::test]
async fn head_is_get_without_the_body() {
    let server = start(small()).await;
    let text = server.say("HEAD /ok HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await;
    assert!(text.starts_with("HTTP/1.1 200 OK") && text.contains("content-length: 6\r\n"), "{text}");
    assert!(text.ends_with("\r\n\r\n"), "{text}");
}
