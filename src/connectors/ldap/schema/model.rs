//! Classes and attributes as a directory declares them, however it tells of them, with what they mention by name.
//!
//! What follows from it for an object type is worked out in `resolve`, once everything is known: a class may mention
//! what is declared later, or never.

use std::sync::Arc;

use super::bounds::{Bounds, Exceeds};
use super::findings::{Findings, Tally};
use super::names::{Names, Symbol};
use super::types::by_name;
use crate::domain::schema::{DataType, Plurality, SeenAttribute, Writability};

/// Steps from an attribute to the one whose syntax it has.
const MAX_SUPERIORS: usize = 16;

/// An attribute as it is declared.
#[derive(Debug)]
pub struct NewAttribute<'a> {
    /// What it is.
    pub description: Option<&'a str>,
    /// What its values are; `None` if that is said of its superior, or nowhere.
    pub data_type: Option<DataType>,
    /// The attribute that it is a more special case of.
    pub superior: Option<&'a str>,
    /// How many values it may have.
    pub plurality: Plurality,
    /// Whether it can be written.
    pub writability: Writability,
    /// No object has it any more.
    pub defunct: bool,
}

/// A class as it is declared.
#[derive(Debug, Default)]
pub struct NewClass<'a> {
    /// Whether it is an object type.
    pub offered: bool,
    /// Whether its description has one value, whatever the attribute may have elsewhere.
    pub single_description: bool,
    /// The classes that it is a more special case of.
    pub superiors: &'a [&'a str],
    /// The classes that add attributes to it and to what is below it.
    pub auxiliaries: &'a [&'a str],
    /// Its own attributes.
    pub attributes: &'a [&'a str],
}

/// A content rule as it is declared.
#[derive(Debug, Default)]
pub struct NewRule<'a> {
    /// The classes that add attributes to the class, and not to what is below it.
    pub auxiliaries: &'a [&'a str],
    /// Further attributes.
    pub attributes: &'a [&'a str],
    /// Attributes that objects of the class do not have.
    pub precluded: &'a [&'a str],
}

#[derive(Debug)]
pub(super) struct Attribute {
    pub name: Arc<str>,
    description: Option<Arc<str>>,
    data_type: Option<DataType>,
    superior: Option<Symbol>,
    plurality: Plurality,
    writability: Writability,
    pub defunct: bool,
}

impl Attribute {
    /// As a type has it. Its data type must be settled. What is known by its name is so of it alone: those that have
    /// its syntax have the one that is declared.
    pub fn seen(&self, class_name: Option<&Arc<str>>) -> SeenAttribute {
        let declared = || (self.data_type.unwrap_or(DataType::String), self.plurality, self.writability);
        let (data_type, plurality, writability) = by_name(&self.name).unwrap_or_else(declared);
        SeenAttribute {
            name: self.name.clone(),
            description: self.description.clone(),
            class_name: class_name.cloned(),
            data_type,
            plurality,
            writability,
        }
    }
}

#[derive(Debug)]
pub(super) struct Class {
    pub name: Arc<str>,
    pub offered: bool,
    pub single_description: bool,
    pub superiors: Box<[Symbol]>,
    pub auxiliaries: Box<[Symbol]>,
    pub attributes: Box<[Symbol]>,
    pub rule: Option<Rule>,
}

#[derive(Debug)]
pub(super) struct Rule {
    pub auxiliaries: Box<[Symbol]>,
    pub attributes: Box<[Symbol]>,
    pub precluded: Box<[Symbol]>,
}

/// Which of several things a name stands for: positions in a list, by symbol.
#[derive(Debug, Default)]
struct Register(Vec<Option<u32>>);

impl Register {
    fn get(&self, symbol: Symbol) -> Option<usize> {
        self.0.get(symbol.index()).copied().flatten().map(|at| at as usize)
    }

    /// The first to have a name keeps it.
    fn set(&mut self, symbol: Symbol, position: usize) {
        if self.0.len() <= symbol.index() {
            self.0.resize(symbol.index() + 1, None);
        }
        if let Some(place) = self.0.get_mut(symbol.index()) {
            *place = place.or(u32::try_from(position).ok());
        }
    }
}

/// A schema while it is read.
#[derive(Debug)]
pub struct Model {
    pub(super) bounds: Bounds,
    pub(super) names: Names,
    pub(super) attributes: Vec<Attribute>,
    pub(super) classes: Vec<Class>,
    attribute_of: Register,
    class_of: Register,
    mentions: usize,
    bytes: u64,
    /// What is odd about it.
    pub findings: Findings,
}

impl Model {
    /// Nothing is declared yet.
    pub fn new(bounds: Bounds) -> Self {
        Model {
            bounds,
            names: Names::default(),
            attributes: Vec::new(),
            classes: Vec::new(),
            attribute_of: Register::default(),
            class_of: Register::default(),
            mentions: 0,
            bytes: 0,
            findings: Findings::default(),
        }
    }

    /// Takes in an attribute under its name, which comes first, and its other names. If the name is taken, it is left
    /// out.
    ///
    /// # Errors
    /// There is too much.
    pub fn declare_attribute(&mut self, names: &[&str], new: &NewAttribute<'_>) -> Result<(), Exceeds> {
        let Some(symbols) = self.free(names, |model| (&model.attribute_of, &mut model.findings.repeated_attributes))?
        else {
            return Ok(());
        };
        Bounds::check(self.attributes.len() + 1, self.bounds.attributes, "attribute types")?;
        let superior = new.superior.map(|name| self.mention(name)).transpose()?;
        let name = names.first().copied().unwrap_or_default();
        let description = new.description.and_then(|text| self.bounds.description(text)).map(Arc::<str>::from);
        self.bytes += (name.len() + description.as_ref().map_or(0, |text| text.len())) as u64;
        let NewAttribute { data_type, plurality, writability, .. } = *new;
        for symbol in symbols {
            self.attribute_of.set(symbol, self.attributes.len());
        }
        let name = Arc::from(name);
        let defunct = new.defunct;
        self.attributes.push(Attribute { name, description, data_type, superior, plurality, writability, defunct });
        Ok(())
    }

    /// Takes in a class, as [`Model::declare_attribute`] an attribute.
    ///
    /// # Errors
    /// There is too much.
    pub fn declare_class(&mut self, names: &[&str], new: &NewClass<'_>) -> Result<(), Exceeds> {
        let Some(symbols) = self.free(names, |model| (&model.class_of, &mut model.findings.repeated_classes))? else {
            return Ok(());
        };
        Bounds::check(self.classes.len() + 1, self.bounds.classes, "object classes")?;
        let name = names.first().copied().unwrap_or_default();
        self.bytes += name.len() as u64;
        let class = Class {
            name: Arc::from(name),
            offered: new.offered,
            single_description: new.single_description,
            superiors: self.mentions(new.superiors)?,
            auxiliaries: self.mentions(new.auxiliaries)?,
            attributes: self.mentions(new.attributes)?,
            rule: None,
        };
        for symbol in symbols {
            self.class_of.set(symbol, self.classes.len());
        }
        self.classes.push(class);
        Ok(())
    }

    /// Takes in the content rule of a class that is declared; the first one counts. A rule of no class rules nothing.
    ///
    /// # Errors
    /// There is too much.
    pub fn declare_rule(&mut self, class: &str, new: &NewRule<'_>) -> Result<(), Exceeds> {
        let Some(at) = self.names.find(class).and_then(|symbol| self.class_of.get(symbol)) else { return Ok(()) };
        let rule = Rule {
            auxiliaries: self.mentions(new.auxiliaries)?,
            attributes: self.mentions(new.attributes)?,
            precluded: self.mentions(new.precluded)?,
        };
        if let Some(class) = self.classes.get_mut(at) {
            class.rule.get_or_insert(rule);
        }
        Ok(())
    }

    /// Whether an attribute is declared under exactly this name, and how it is spelled and what it is.
    pub fn declared(&self, name: &str) -> Option<SeenAttribute> {
        let at = self.names.find(name).and_then(|symbol| self.attribute_of.get(symbol))?;
        self.attributes.get(at).filter(|a| a.name.eq_ignore_ascii_case(name) && !a.defunct).map(|a| a.seen(None))
    }

    /// Whether an attribute has this name, be it one of several.
    pub fn knows_attribute(&self, name: &str) -> bool {
        self.names.find(name).is_some_and(|symbol| self.attribute_of.get(symbol).is_some())
    }

    /// Whether a class has this name.
    pub fn knows_class(&self, name: &str) -> bool {
        self.names.find(name).is_some_and(|symbol| self.class_of.get(symbol).is_some())
    }

    /// How many attributes and classes are declared.
    pub fn counts(&self) -> (usize, usize) {
        (self.attributes.len(), self.classes.len())
    }

    /// Bytes that are kept, about.
    pub fn bytes(&self) -> u64 {
        self.bytes + self.names.bytes() + (self.mentions * size_of::<Symbol>()) as u64
    }

    pub(super) fn attribute(&self, symbol: Symbol) -> Option<usize> {
        self.attribute_of.get(symbol)
    }

    pub(super) fn class(&self, symbol: Symbol) -> Option<usize> {
        self.class_of.get(symbol)
    }

    /// Finds out what the values of each attribute are that does not say so itself.
    pub(super) fn settle(&mut self) {
        let settled: Vec<Option<DataType>> = self.attributes.iter().map(|a| self.inherited(a)).collect();
        for (attribute, data_type) in self.attributes.iter_mut().zip(settled) {
            if data_type.is_none() && attribute.superior.is_some() {
                self.findings.missing_syntaxes.add(&attribute.name);
            }
            attribute.data_type = data_type;
        }
    }

    fn inherited(&self, attribute: &Attribute) -> Option<DataType> {
        let mut at = attribute;
        for _ in 0..MAX_SUPERIORS {
            if at.data_type.is_some() {
                break;
            }
            at = self.attributes.get(self.attribute_of.get(at.superior?)?)?;
        }
        at.data_type
    }

    /// The symbols of names, the first of which is not taken; `None` if it is, which is found.
    fn free(
        &mut self,
        names: &[&str],
        of: impl FnOnce(&mut Model) -> (&Register, &mut Tally),
    ) -> Result<Option<Vec<Symbol>>, Exceeds> {
        let symbols = names.iter().map(|name| self.names.symbol(name, &self.bounds)).collect::<Result<Vec<_>, _>>()?;
        let (register, repeated) = of(self);
        if symbols.first().is_some_and(|first| register.get(*first).is_some()) {
            repeated.add(names.first().copied().unwrap_or_default());
            return Ok(None);
        }
        Ok(Some(symbols))
    }

    fn mention(&mut self, name: &str) -> Result<Symbol, Exceeds> {
        self.mentions += 1;
        Bounds::check(self.mentions, self.bounds.mentions, "names that are mentioned")?;
        self.names.symbol(name, &self.bounds)
    }

    fn mentions(&mut self, names: &[&str]) -> Result<Box<[Symbol]>, Exceeds> {
        names.iter().map(|name| self.mention(name)).collect()
    }
}
