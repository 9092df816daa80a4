//! The shape of a template's context: which fields exist, not what they hold.

use std::collections::BTreeMap;
use std::sync::Arc;

/// What is known of a value. Cheap to clone.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Shape {
    /// A map with exactly these fields.
    Map(Arc<BTreeMap<String, Shape>>),
    /// A list of values of one shape.
    List(Arc<Shape>),
    /// A text, number or boolean: it has no fields.
    Leaf,
    /// Anything: a site's `vars`, a table's entries.
    Free,
}

/// A shape as constant data.
#[derive(Clone, Copy, Debug)]
pub enum Spec {
    /// A map with exactly these fields.
    Map(&'static [(&'static str, Spec)]),
    /// A list.
    List(&'static Spec),
    /// No fields.
    Leaf,
    /// Anything.
    Free,
}

impl From<&Spec> for Shape {
    fn from(spec: &Spec) -> Self {
        match spec {
            Spec::Map(fields) => Self::map(fields.iter().map(|(name, spec)| (*name, Self::from(spec)))),
            Spec::List(element) => Self::list(Self::from(*element)),
            Spec::Leaf => Self::Leaf,
            Spec::Free => Self::Free,
        }
    }
}

impl Shape {
    /// A map with exactly these fields.
    pub fn map<N: Into<String>>(fields: impl IntoIterator<Item = (N, Self)>) -> Self {
        Self::Map(Arc::new(fields.into_iter().map(|(name, shape)| (name.into(), shape)).collect()))
    }

    /// A list of values of one shape.
    pub fn list(element: Self) -> Self {
        Self::List(Arc::new(element))
    }

    /// The shape of a value that may have either shape: fields of both, anything where they differ.
    pub(super) fn join(&self, other: &Self) -> Self {
        match (self, other) {
            (Self::Map(left), Self::Map(right)) => {
                if Arc::ptr_eq(left, right) {
                    return self.clone();
                }
                let mut fields = (**left).clone();
                for (name, shape) in right.iter() {
                    let joined = fields.get(name).map_or_else(|| shape.clone(), |known| known.join(shape));
                    fields.insert(name.clone(), joined);
                }
                Self::Map(Arc::new(fields))
            }
            (Self::List(left), Self::List(right)) => Self::list(left.join(right)),
            (Self::Leaf, Self::Leaf) => Self::Leaf,
            _ => Self::Free,
        }
    }

    /// What a loop over the value gives each time.
    pub(super) fn element(&self) -> Self {
        match self {
            Self::List(element) => (**element).clone(),
            Self::Map(fields) => {
                let mut shapes = fields.values();
                let first = shapes.next().cloned().unwrap_or(Self::Free);
                shapes.fold(first, |joined, shape| joined.join(shape))
            }
            Self::Leaf => Self::Leaf,
            Self::Free => Self::Free,
        }
    }
}
