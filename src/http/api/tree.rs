//! Partitions with their containers, sorted and nested for answers.

use serde::{Serialize, Serializer};
use utoipa::ToSchema;

use crate::domain::hierarchy::RowId;
use crate::ops::partitions::Branch;
use crate::store::hierarchy::Node;

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Partition {
    id: i64,
    name: String,
    /// External identifier (e.g. distinguished name)
    external_id: String,
    selected: bool,
    connected_system_id: i64,
    #[schema(value_type = Vec<Container>)]
    containers: Forest,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Container<'a> {
    id: i64,
    name: &'a str,
    /// External identifier (e.g. distinguished name)
    external_id: &'a str,
    description: Option<&'a str>,
    /// Whether the connector hides it
    hidden: bool,
    /// Whether it is included in synchronisation scope, by its own choice or by inheritance
    selected: bool,
    /// Whether it has no choice of its own and follows its ancestors
    selection_inherited: bool,
    #[schema(value_type = Option<i64>)]
    partition_id: i64,
    #[schema(value_type = Option<i64>)]
    connected_system_id: i64,
    #[schema(value_type = Vec<Container>, no_recursion)]
    child_containers: Siblings<'a>,
}

/// Partitions sorted by name.
pub(crate) fn partitions(mut branches: Vec<Branch>, system: i64) -> Vec<Partition> {
    branches.sort_by_cached_key(|b| (b.partition.external_id.to_lowercase(), b.partition.external_id.clone()));
    branches.into_iter().map(|branch| Partition::new(branch, system)).collect()
}

impl Partition {
    pub(crate) fn new(branch: Branch, system: i64) -> Self {
        let Branch { partition, nodes } = branch;
        Partition {
            id: partition.id,
            name: partition.external_id.to_string(),
            external_id: partition.external_id.to_string(),
            selected: partition.selected,
            connected_system_id: system,
            containers: Forest::new(nodes, system),
        }
    }
}

/// Containers of a partition, sorted by parent, name ignoring case, and DN. They are nested while they are serialised;
/// the recursion depth is the number of RDNs at most.
struct Forest {
    nodes: Vec<Node>,
    system: i64,
}

impl Forest {
    fn new(mut nodes: Vec<Node>, system: i64) -> Self {
        // Two sorts, the second one stable, because a key with the DN would copy all DNs.
        nodes.sort_unstable_by(|a, b| a.external_id.cmp(&b.external_id));
        nodes.sort_by_cached_key(|node| (node.parent_id, node.name.to_lowercase()));
        Forest { nodes, system }
    }

    fn below(&self, parent: Option<RowId>) -> Siblings<'_> {
        let from = self.nodes.partition_point(|node| node.parent_id < parent);
        let to = self.nodes.partition_point(|node| node.parent_id <= parent);
        Siblings { nodes: self.nodes.get(from..to).unwrap_or_default(), forest: self }
    }

    fn container<'a>(&'a self, node: &'a Node) -> Container<'a> {
        Container {
            id: node.id,
            name: &node.name,
            external_id: &node.external_id,
            description: node.description.as_deref(),
            hidden: node.hidden,
            selected: node.selected,
            selection_inherited: node.inherits,
            partition_id: node.partition_id,
            connected_system_id: self.system,
            child_containers: self.below(Some(node.id)),
        }
    }
}

impl Serialize for Forest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.below(None).serialize(serializer)
    }
}

/// Containers with the same parent.
struct Siblings<'a> {
    nodes: &'a [Node],
    forest: &'a Forest,
}

impl Serialize for Siblings<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.nodes.iter().map(|node| self.forest.container(node)))
    }
}

/// A container with its descendants.
pub(crate) struct Subtree {
    forest: Forest,
    root: RowId,
}

impl Subtree {
    pub(crate) fn new(nodes: Vec<Node>, root: RowId, system: i64) -> Self {
        Subtree { forest: Forest::new(nodes, system), root }
    }
}

impl Serialize for Subtree {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let root = self.forest.nodes.iter().find(|node| node.id == self.root);
        root.map(|node| self.forest.container(node)).serialize(serializer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::dn::MAX_RDNS;

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
            inherits: true,
        }
    }

    #[test]
    fn siblings_are_ordered_by_name_ignoring_case() {
        let nodes = vec![node(4, Some(1), "Y"), node(1, Some(9), "b"), node(3, Some(1), "z"), node(5, Some(4), "x")];
        let value = serde_json::to_value(Subtree::new(nodes, 1, 7)).expect("json");
        assert_eq!((&value["name"], &value["connectedSystemId"]), (&"b".into(), &7.into()));
        assert_eq!(value["childContainers"][0]["name"], "Y");
        assert_eq!(value["childContainers"][1]["childContainers"], serde_json::json!([]));
        assert_eq!(value["childContainers"][0]["childContainers"][0]["name"], "x");
        let roots = vec![node(1, None, "b"), node(2, None, "A"), node(3, Some(2), "c")];
        let value = serde_json::to_value(Forest::new(roots, 7)).expect("json");
        assert_eq!((&value[0]["name"], &value[0]["childContainers"][0]["name"]), (&"A".into(), &"c".into()));
        assert_eq!(value[1]["name"], "b");
    }

    #[test]
    fn the_deepest_tree_that_can_be_stored_is_serialised() {
        let deepest = MAX_RDNS as i64;
        let nodes = (1..=deepest).map(|i| node(i, (i > 1).then_some(i - 1), "x")).collect();
        let text = serde_json::to_string(&Subtree::new(nodes, 1, 7)).expect("json");
        assert_eq!(text.matches("\"childContainers\":[").count(), MAX_RDNS);
    }
}
