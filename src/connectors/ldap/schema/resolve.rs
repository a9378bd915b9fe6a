//! Resolution of declarations to object types, whose attributes come from the class itself, its superclasses and
//! auxiliary classes. References may be circular; each class counts once.

use std::sync::Arc;

use super::bounds::{Bounds, Exceeds};
use super::findings::Tally;
use super::model::Model;
use super::names::Symbol;
use crate::domain::schema::{Plurality, SeenAttribute, SeenType};

/// All object types. Each attribute appears once, under the first class that names it: the type itself, its
/// superclasses upwards, auxiliary classes. Every type has those in `added`, without a class if none names them.
pub fn object_types(model: &mut Model, added: &[SeenAttribute]) -> Result<Vec<SeenType>, Exceeds> {
    model.resolve_data_types();
    let mut walk = Walk::of(model);
    let offered = model.classes.iter().enumerate().filter(|(_, class)| class.offered);
    let types = offered.map(|(at, _)| walk.object_type(model, at, added)).collect::<Result<Vec<_>, _>>()?;
    model.findings.missing_classes = walk.missing_classes.tally;
    model.findings.missing_attributes = walk.missing_attributes.tally;
    Ok(types)
}

/// Names that are mentioned but not declared, each counted once.
struct Missing {
    counted: Vec<bool>,
    tally: Tally,
}

impl Missing {
    fn of(model: &Model) -> Self {
        Missing { counted: vec![false; model.names.len()], tally: Tally::default() }
    }

    fn add(&mut self, model: &Model, symbol: Symbol, by: &str) {
        if let Some(counted) = self.counted.get_mut(symbol.index()).filter(|counted| !**counted) {
            *counted = true;
            self.tally.add(&format!("{} (named by {by})", model.names.spelled(symbol)));
        }
    }
}

/// Visited classes and attributes. A mark is the number of the type that visited last.
struct Walk {
    class_marks: Vec<usize>,
    attribute_marks: Vec<usize>,
    missing_classes: Missing,
    missing_attributes: Missing,
    mark: usize,
    steps: usize,
    rows: usize,
}

impl Walk {
    fn of(model: &Model) -> Self {
        Walk {
            class_marks: vec![0; model.classes.len()],
            attribute_marks: vec![0; model.attributes.len()],
            missing_classes: Missing::of(model),
            missing_attributes: Missing::of(model),
            mark: 0,
            steps: 0,
            rows: 0,
        }
    }

    fn object_type(&mut self, model: &Model, at: usize, added: &[SeenAttribute]) -> Result<SeenType, Exceeds> {
        self.mark += 1;
        let own = model.classes.get(at).ok_or(Exceeds("object classes"))?;
        if let Some(rule) = &own.rule {
            for symbol in &rule.precluded {
                if let Some(mark) = model.attribute(*symbol).and_then(|at| self.attribute_marks.get_mut(at)) {
                    *mark = self.mark;
                }
            }
        }
        let order = self.order(model, at)?;
        let mut attributes = Vec::new();
        for class in order.iter().filter_map(|at| model.classes.get(*at)) {
            self.take(model, &class.name, &class.attributes, &mut attributes)?;
        }
        if let Some(rule) = &own.rule {
            self.take(model, &own.name, &rule.attributes, &mut attributes)?;
        }
        if own.single_description {
            let description = attributes.iter_mut().find(|a| a.name.eq_ignore_ascii_case("description"));
            description.into_iter().for_each(|a| a.plurality = Plurality::Single);
        }
        for id in added {
            if !attributes.iter().any(|a| a.name.eq_ignore_ascii_case(&id.name)) {
                self.row(model)?;
                attributes.push(id.clone());
            }
        }
        attributes.shrink_to_fit();
        Ok(SeenType { name: own.name.clone(), attributes })
    }

    /// Classes that contribute attributes: the type, its superclasses level by level, and all their auxiliary classes.
    fn order(&mut self, model: &Model, at: usize) -> Result<Vec<usize>, Exceeds> {
        let mut order = Vec::new();
        self.class_marks.get_mut(at).into_iter().for_each(|mark| *mark = self.mark);
        order.push(at);
        let mut next = 0;
        while let Some(class) = order.get(next).and_then(|at| model.classes.get(*at)) {
            self.visit(model, &class.name, &class.superiors, &mut order)?;
            next += 1;
        }
        let (chain, mut next) = (next, 0);
        while let Some(class) = order.get(next).and_then(|at| model.classes.get(*at)) {
            if let Some(rule) = class.rule.as_ref().filter(|_| next == 0) {
                self.visit(model, &class.name, &rule.auxiliaries, &mut order)?;
            }
            self.visit(model, &class.name, &class.auxiliaries, &mut order)?;
            if next >= chain {
                self.visit(model, &class.name, &class.superiors, &mut order)?;
            }
            next += 1;
        }
        Ok(order)
    }

    fn visit(
        &mut self,
        model: &Model,
        by: &Arc<str>,
        symbols: &[Symbol],
        order: &mut Vec<usize>,
    ) -> Result<(), Exceeds> {
        self.step(model, symbols.len())?;
        for symbol in symbols {
            let Some(at) = model.class(*symbol) else {
                self.missing_classes.add(model, *symbol, by);
                continue;
            };
            if let Some(mark) = self.class_marks.get_mut(at).filter(|mark| **mark != self.mark) {
                *mark = self.mark;
                order.push(at);
            }
        }
        Ok(())
    }

    fn take(
        &mut self,
        model: &Model,
        by: &Arc<str>,
        symbols: &[Symbol],
        into: &mut Vec<SeenAttribute>,
    ) -> Result<(), Exceeds> {
        self.step(model, symbols.len())?;
        for symbol in symbols {
            let Some(at) = model.attribute(*symbol) else {
                self.missing_attributes.add(model, *symbol, by);
                continue;
            };
            let Some(mark) = self.attribute_marks.get_mut(at).filter(|mark| **mark != self.mark) else { continue };
            *mark = self.mark;
            if let Some(attribute) = model.attributes.get(at).filter(|a| !a.defunct) {
                self.row(model)?;
                into.push(attribute.seen(Some(by)));
            }
        }
        Ok(())
    }

    fn step(&mut self, model: &Model, count: usize) -> Result<(), Exceeds> {
        self.steps += count + 1;
        Bounds::check(self.steps, model.bounds.steps, "superclasses of all classes")
    }

    fn row(&mut self, model: &Model) -> Result<(), Exceeds> {
        self.rows += 1;
        Bounds::check(self.rows, model.bounds.rows, "attributes of all object types")
    }
}

#[cfg(test)]
mod tests;
