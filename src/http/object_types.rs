//! Chapter 4: object types. None exist until the schema import does.

use warp::reply::Response;

use super::connected_systems::WHAT;
use super::filters::Call;
use super::json;
use crate::error::{Error, Result};
use crate::store::connected_systems;

pub async fn list(call: Call) -> Result<Response> {
    let id = call.id(0, WHAT)?;
    call.app.db.read(move |c| connected_systems::require(c, id)).await?;
    let none: [(); 0] = [];
    json::ok(&none)
}

pub async fn update(mut call: Call) -> Result<Response> {
    let mut body = call.json(&["selected", "removeContributedAttributesOnObsoletion"]).await?;
    let (_selected, _remove) = (body.flag("selected"), body.flag("removeContributedAttributesOnObsoletion"));
    body.check()?;
    let id = call.id(0, WHAT)?;
    call.app.db.read(move |c| connected_systems::require(c, id)).await?;
    Err(Error::not_found("object type", call.id(1, "object type")?))
}
