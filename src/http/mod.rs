//! The only room that knows warp, JSON shapes and status codes.

pub mod error;
pub mod json;
pub mod serve;

/// One route: every route function returns this type, which keeps compile times flat (30 routes unboxed took
/// seven times as long to compile).
pub type Route = warp::filters::BoxedFilter<(warp::reply::Response,)>;
