//! Writing trees of containers as JSON: of any depth, without recursion, in chunks, so that a hundred thousand
//! containers cost the memory of their rows and no more.

use std::collections::HashMap;

use serde::Serialize;
use utoipa::ToSchema;
use warp::reply::Response;

use crate::domain::hierarchy::StoredPartition;
use crate::http::wire::{self, CHUNK, Permit};
use crate::store::hierarchy::Node;

/// What is written.
pub enum Shape {
    /// An array of partitions, each with its containers.
    Partitions(Vec<(PartitionHead, Forest)>),
    /// One partition with its containers.
    Partition(PartitionHead, Forest),
    /// The one root of a forest.
    Container(Forest),
}

/// The fields of a partition before its containers.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PartitionHead {
    /// Unique identifier
    id: i64,
    /// Partition name
    name: String,
    /// External identifier in the source system
    external_id: String,
    /// Whether this partition is included in synchronisation scope
    selected: bool,
    /// Parent connected system ID
    connected_system_id: i64,
}

impl PartitionHead {
    /// From the stored row.
    pub fn new(partition: &StoredPartition, system: i64) -> Self {
        PartitionHead {
            id: partition.id,
            name: partition.external_id.to_string(),
            external_id: partition.external_id.to_string(),
            selected: partition.selected,
            connected_system_id: system,
        }
    }

    /// What partitions are ordered by.
    pub fn order(&self) -> (String, String) {
        (self.name.to_lowercase(), self.external_id.clone())
    }
}

/// Containers with their children found and every level in order: by name ignoring case, then by DN.
pub struct Forest {
    nodes: Vec<Node>,
    roots: Vec<u32>,
    children: HashMap<i64, Vec<u32>>,
}

impl Forest {
    /// All containers of a partition.
    pub fn new(nodes: Vec<Node>) -> Self {
        Forest::rooted(nodes, |node| node.parent_id.is_none())
    }

    /// One container and what is below it.
    pub fn below(nodes: Vec<Node>, root: i64) -> Self {
        Forest::rooted(nodes, |node| node.id == root)
    }

    fn rooted(mut nodes: Vec<Node>, is_root: impl Fn(&Node) -> bool) -> Self {
        // In order once: then every level is in order too.
        nodes.sort_by_cached_key(|node| (node.name.to_lowercase(), node.external_id.clone()));
        let mut roots = Vec::new();
        let mut children: HashMap<i64, Vec<u32>> = HashMap::new();
        for (i, node) in nodes.iter().enumerate() {
            match node.parent_id {
                Some(parent) if !is_root(node) => children.entry(parent).or_default().push(i as u32),
                _ => roots.push(i as u32),
            }
        }
        Forest { nodes, roots, children }
    }
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct ContainerHead<'a> {
    /// Unique identifier
    id: i64,
    /// Container name
    name: &'a str,
    /// External identifier (e.g. distinguished name)
    external_id: &'a str,
    /// Optional description
    description: Option<&'a str>,
    /// Whether this container is hidden by the connector
    hidden: bool,
    /// Whether this container is included in synchronisation scope
    selected: bool,
    /// Parent partition ID
    #[schema(value_type = Option<i64>)]
    partition_id: i64,
    /// Parent connected system ID
    #[schema(value_type = Option<i64>)]
    connected_system_id: i64,
}

/// A partition.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it is written in pieces; this is their sum, for the description")]
pub struct Partition<'a> {
    #[serde(flatten)]
    head: PartitionHead,
    /// Nested container hierarchy
    containers: Vec<Container<'a>>,
}

/// A container.
#[derive(ToSchema)]
#[serde(rename_all = "camelCase")]
#[expect(dead_code, reason = "it is written in pieces; this is their sum, for the description")]
pub struct Container<'a> {
    #[serde(flatten)]
    head: ContainerHead<'a>,
    /// Nested child containers (recursive structure)
    #[schema(no_recursion)]
    child_containers: Vec<Container<'a>>,
}

/// Answers with a tree, written while it is sent. The permit is held until then.
pub fn stream(shape: Shape, system: i64, permit: Option<Permit>) -> Response {
    let mut writer = Writer::new(shape, system);
    wire::streamed(move || {
        let _ = &permit;
        writer.chunk()
    })
}

/// Where the writer stands: inside a list of nodes, at this place of it.
struct Level {
    list: Vec<u32>,
    next: usize,
}

struct Writer {
    forests: std::vec::IntoIter<(Option<PartitionHead>, Forest)>,
    current: Option<(bool, Forest)>,
    levels: Vec<Level>,
    system: i64,
    in_array: bool,
    started: bool,
    done: bool,
    out: Vec<u8>,
}

impl Writer {
    fn new(shape: Shape, system: i64) -> Self {
        let (forests, in_array) = match shape {
            Shape::Partitions(all) => (all.into_iter().map(|(h, f)| (Some(h), f)).collect(), true),
            Shape::Partition(head, forest) => (vec![(Some(head), forest)], false),
            Shape::Container(forest) => (vec![(None, forest)], false),
        };
        Writer {
            forests: forests.into_iter(),
            current: None,
            levels: Vec::new(),
            system,
            in_array,
            started: false,
            done: false,
            out: Vec::new(),
        }
    }

    /// The next chunk; `None` when all is written.
    fn chunk(&mut self) -> Option<Vec<u8>> {
        while !self.done && self.out.len() < CHUNK {
            self.step();
        }
        (!self.out.is_empty()).then(|| std::mem::take(&mut self.out))
    }

    fn step(&mut self) {
        let Some((_, forest)) = &self.current else { return self.next_forest() };
        let Some(level) = self.levels.last_mut() else { return self.end_forest() };
        let Some(node) = level.list.get(level.next).and_then(|i| forest.nodes.get(*i as usize)) else {
            self.levels.pop();
            // A level that is a container's children closes the container; the outermost closes with its forest.
            if !self.levels.is_empty() {
                self.out.extend_from_slice(b"]}");
            }
            return;
        };
        if level.next > 0 {
            self.out.push(b',');
        }
        level.next += 1;
        let head = ContainerHead {
            id: node.id,
            name: &node.name,
            external_id: &node.external_id,
            description: node.description.as_deref(),
            hidden: node.hidden,
            selected: node.selected,
            partition_id: node.partition_id,
            connected_system_id: self.system,
        };
        wire::open(&mut self.out, &head);
        wire::open_array(&mut self.out, "childContainers");
        let list = forest.children.get(&node.id).cloned().unwrap_or_default();
        self.levels.push(Level { list, next: 0 });
    }

    fn next_forest(&mut self) {
        if self.in_array && !self.started {
            self.out.push(b'[');
        }
        let Some((head, forest)) = self.forests.next() else {
            if self.in_array {
                self.out.push(b']');
            }
            self.done = true;
            return;
        };
        if self.started {
            self.out.push(b',');
        }
        self.started = true;
        if let Some(head) = &head {
            wire::open(&mut self.out, head);
            wire::open_array(&mut self.out, "containers");
        }
        self.levels.push(Level { list: forest.roots.clone(), next: 0 });
        self.current = Some((head.is_some(), forest));
    }

    fn end_forest(&mut self) {
        if let Some((true, _)) = self.current.take() {
            self.out.extend_from_slice(b"]}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(id: i64, parent_id: Option<i64>, name: &str) -> Node {
        Node {
            id,
            partition_id: 1,
            parent_id,
            external_id: format!("ou={name}").into(),
            name: name.into(),
            description: None,
            hidden: false,
            selected: false,
        }
    }

    fn written(shape: Shape) -> String {
        let mut writer = Writer::new(shape, 9);
        let mut all = Vec::new();
        while let Some(chunk) = writer.chunk() {
            all.extend(chunk);
        }
        String::from_utf8(all).expect("utf-8")
    }

    #[test]
    fn levels_are_ordered_by_name_and_depth_has_no_limit() {
        let nodes = [node(1, None, "b"), node(2, None, "A"), node(3, Some(1), "z"), node(4, Some(1), "Y")];
        let value: serde_json::Value = serde_json::from_str(&written(Shape::Container(Forest::below(
            nodes.iter().filter(|n| n.id != 2).cloned().collect(),
            1,
        ))))
        .expect("json");
        assert_eq!(value["name"], "b");
        assert_eq!(value["childContainers"][0]["name"], "Y");
        assert_eq!(value["childContainers"][1]["childContainers"], serde_json::json!([]));
        let deep = (1..=5_000).map(|i| node(i, (i > 1).then_some(i - 1), "x")).collect();
        let text = written(Shape::Container(Forest::below(deep, 1)));
        assert_eq!(text.matches("\"childContainers\":[").count(), 5_000);
        assert!(text.ends_with("]}]}"));
        assert_eq!(written(Shape::Partitions(Vec::new())), "[]");
    }
}
