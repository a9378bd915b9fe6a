//! Effective selection of containers: what their own choices, or those of ancestors, give.

/// Change of a container's choice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Choice {
    Own(bool),
    /// Removed: the ancestors decide.
    Inherited,
}

impl Choice {
    /// As it is stored.
    pub fn stored(self) -> Option<bool> {
        match self {
            Choice::Own(selected) => Some(selected),
            Choice::Inherited => None,
        }
    }
}

/// What the selection of a container depends on.
#[derive(Debug, Clone, Copy)]
pub struct Member {
    /// Index of its parent.
    pub parent: Option<u32>,
    pub choice: Option<bool>,
    pub hidden: bool,
}

/// Container whose choice counts.
#[derive(Debug, Clone, Copy)]
pub struct Chooser {
    pub selected: bool,
    pub hidden: bool,
}

impl Chooser {
    /// Whether it selects a container that follows it: a hidden one follows hidden ones only.
    pub fn selects(self, hidden: bool) -> bool {
        self.selected && (self.hidden || !hidden)
    }
}

/// Effective selection of each container, parents in any order. The nearest choice counts, its own included; without
/// any it is not selected.
pub fn effective(forest: &[Member]) -> Vec<bool> {
    let mut choosers: Vec<Option<Option<Chooser>>> = vec![None; forest.len()];
    let mut path = Vec::new();
    for start in 0..forest.len() {
        let mut next = start;
        let chooser = loop {
            if let Some(known) = choosers[next] {
                break known;
            }
            // Also ends a ring of parents, which only a damaged file has.
            choosers[next] = Some(None);
            path.push(next);
            let Member { parent, choice, hidden } = forest[next];
            match (choice, parent) {
                (Some(selected), _) => break Some(Chooser { selected, hidden }),
                (None, None) => break None,
                (None, Some(parent)) => next = parent as usize,
            }
        };
        path.drain(..).for_each(|member| choosers[member] = Some(chooser));
    }
    let selected = |(member, chooser): (&Member, Option<Option<Chooser>>)| {
        chooser.flatten().is_some_and(|chooser| chooser.selects(member.hidden))
    };
    forest.iter().zip(choosers).map(selected).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const YES: Option<bool> = Some(true);
    const NO: Option<bool> = Some(false);

    /// Selection of a forest given as parent, choice and hidden.
    fn of(forest: &[(Option<u32>, Option<bool>, bool)]) -> Vec<bool> {
        let member =
            |(parent, choice, hidden): &(_, _, _)| Member { parent: *parent, choice: *choice, hidden: *hidden };
        effective(&forest.iter().map(member).collect::<Vec<_>>())
    }

    #[test]
    fn without_a_choice_nothing_is_selected() {
        assert_eq!(of(&[(None, None, false), (Some(0), None, false), (Some(1), None, true)]), [false; 3]);
        assert_eq!(of(&[]), [false; 0]);
    }

    #[test]
    fn the_nearest_choice_counts_in_any_order_of_rows() {
        // A root without a choice, a selected branch, in it one taken out, and below that one selected again.
        let chain = [
            (Some(1), None, false),
            (Some(2), YES, false),
            (Some(3), None, false),
            (Some(4), NO, false),
            (Some(5), None, false),
            (Some(6), YES, false),
            (None, None, false),
        ];
        assert_eq!(of(&chain), [true, true, false, false, true, true, false]);
    }

    #[test]
    fn hidden_containers_follow_hidden_ones_only() {
        let below_visible = [(None, YES, false), (Some(0), None, true), (Some(1), None, true), (Some(0), None, false)];
        assert_eq!(of(&below_visible), [true, false, false, true]);
        let below_hidden = [(None, NO, false), (Some(0), YES, true), (Some(1), None, true), (Some(2), NO, true)];
        assert_eq!(of(&below_hidden), [false, true, true, false]);
    }

    #[test]
    fn a_ring_of_parents_ends() {
        assert_eq!(of(&[(Some(1), None, false), (Some(0), None, false)]), [false, false]);
    }
}
