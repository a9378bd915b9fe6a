//! Declared classes and attributes with unresolved references by name.
//!
//! `resolve` follows the references once all declarations are read: a class may mention later or missing ones.

use std::sync::Arc;

use super::bounds::{Bounds, Exceeds};
use super::findings::{Findings, Tally};
use super::names::{Names, Symbol};
use super::types::by_name;
use crate::domain::schema::{DataType, Plurality, SeenAttribute, Writability};

/// Length of the chain of superiors from which an attribute inherits its syntax.
const MAX_SUPERIORS: usize = 16;

#[derive(Debug)]
pub struct NewAttribute<'a> {
    pub description: Option<&'a str>,
    /// `None` if inherited or not declared.
    pub data_type: Option<DataType>,
    pub superior: Option<&'a str>,
    pub plurality: Plurality,
    pub writability: Writability,
    /// Not a part of any object.
    pub defunct: bool,
}

#[derive(Debug, Default)]
pub struct NewClass<'a> {
    /// Becomes an object type.
    pub offered: bool,
    /// `description` is single-valued in this class.
    pub single_description: bool,
    pub superiors: &'a [&'a str],
    /// Classes that add attributes to it and its subclasses.
    pub auxiliaries: &'a [&'a str],
    pub attributes: &'a [&'a str],
}

#[derive(Debug, Default)]
pub struct NewRule<'a> {
    /// Classes that add attributes to the class, but not to its subclasses.
    pub auxiliaries: &'a [&'a str],
    pub attributes: &'a [&'a str],
    /// Attributes that objects of the class must not have.
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
    /// Attribute of a type, after data types are resolved. Types known by name are not inherited.
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

/// Positions in a list by symbol.
#[derive(Debug, Default)]
struct Register(Vec<Option<u32>>);

impl Register {
    fn get(&self, symbol: Symbol) -> Option<usize> {
        self.0.get(symbol.index()).copied().flatten().map(|at| at as usize)
    }

    /// Keeps the first position of a symbol.
    fn set(&mut self, symbol: Symbol, position: usize) {
        if self.0.len() <= symbol.index() {
            self.0.resize(symbol.index() + 1, None);
        }
        if let Some(place) = self.0.get_mut(symbol.index()) {
            *place = place.or(u32::try_from(position).ok());
        }
    }
}

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
    pub findings: Findings,
}

impl Model {
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

    /// Adds an attribute under its names, the first of which is its own. Skipped if that is taken.
    pub fn declare_attribute(&mut self, names: &[&str], new: &NewAttribute<'_>) -> Result<(), Exceeds> {
        let Some(symbols) =
            self.new_symbols(names, |model| (&model.attribute_of, &mut model.findings.repeated_attributes))?
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

    /// Adds a class, like [`Model::declare_attribute`].
    pub fn declare_class(&mut self, names: &[&str], new: &NewClass<'_>) -> Result<(), Exceeds> {
        let Some(symbols) = self.new_symbols(names, |model| (&model.class_of, &mut model.findings.repeated_classes))?
        else {
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

    /// Adds the content rule of a declared class; the first rule counts. Rules of other classes are ignored.
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

    /// Attribute declared under this name, not an alias.
    pub fn declared(&self, name: &str) -> Option<SeenAttribute> {
        let at = self.names.find(name).and_then(|symbol| self.attribute_of.get(symbol))?;
        self.attributes.get(at).filter(|a| a.name.eq_ignore_ascii_case(name) && !a.defunct).map(|a| a.seen(None))
    }

    /// Whether an attribute has this name or alias.
    pub fn knows_attribute(&self, name: &str) -> bool {
        self.names.find(name).is_some_and(|symbol| self.attribute_of.get(symbol).is_some())
    }

    pub fn knows_class(&self, name: &str) -> bool {
        self.names.find(name).is_some_and(|symbol| self.class_of.get(symbol).is_some())
    }

    pub fn counts(&self) -> (usize, usize) {
        (self.attributes.len(), self.classes.len())
    }

    pub fn bytes(&self) -> u64 {
        self.bytes + self.names.bytes() + (self.mentions * size_of::<Symbol>()) as u64
    }

    pub(super) fn attribute(&self, symbol: Symbol) -> Option<usize> {
        self.attribute_of.get(symbol)
    }

    pub(super) fn class(&self, symbol: Symbol) -> Option<usize> {
        self.class_of.get(symbol)
    }

    pub(super) fn resolve_data_types(&mut self) {
        let resolved: Vec<Option<DataType>> = self.attributes.iter().map(|a| self.inherited(a)).collect();
        for (attribute, data_type) in self.attributes.iter_mut().zip(resolved) {
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

    /// Symbols of names; `None`, with a finding, if the first is taken.
    fn new_symbols(
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
