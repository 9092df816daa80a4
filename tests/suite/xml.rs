//! XML as a tree, so that tests read values and not bytes.

use std::collections::BTreeMap;

use quick_xml::Reader;
use quick_xml::XmlVersion;
use quick_xml::events::{BytesStart, Event};

/// An element with its attributes, the elements inside, and its own text.
#[derive(Debug, Default, Clone)]
pub struct Element {
    pub name: String,
    pub attributes: BTreeMap<String, String>,
    /// Without blanks around it; entities are resolved.
    pub text: String,
    pub children: Vec<Element>,
}

impl Element {
    /// Parses a document; panics where it is not well-formed.
    pub fn parse(text: &str) -> Self {
        let mut reader = Reader::from_str(text);
        let mut open = vec![Self::default()];
        loop {
            match reader.read_event().unwrap_or_else(|error| panic!("{error}: {text}")) {
                Event::Start(start) => open.push(Self::started(&start)),
                Event::Empty(start) => open.last_mut().unwrap().children.push(Self::started(&start)),
                Event::End(_) => {
                    let mut element = open.pop().unwrap();
                    element.text = element.text.trim().to_owned();
                    open.last_mut().unwrap().children.push(element);
                }
                Event::Text(text) => open.last_mut().unwrap().text.push_str(&text.into_inner()),
                Event::CData(text) => open.last_mut().unwrap().text.push_str(&text.into_inner()),
                Event::GeneralRef(entity) => {
                    let name = entity.into_inner();
                    let resolved = quick_xml::escape::unescape(&format!("&{name};")).unwrap().into_owned();
                    open.last_mut().unwrap().text.push_str(&resolved);
                }
                Event::Eof => break,
                _ => {}
            }
        }
        assert_eq!(open.len(), 1, "not closed: {text}");
        let document = open.pop().unwrap();
        assert_eq!(document.children.len(), 1, "one root element: {text}");
        document.children.into_iter().next().unwrap()
    }

    fn started(start: &BytesStart<'_>) -> Self {
        let attributes = start.attributes().map(|attribute| {
            let attribute = attribute.unwrap();
            let value = attribute.normalized_value(XmlVersion::Implicit1_0).unwrap().into_owned();
            (attribute.key.as_ref().to_owned(), value)
        });
        Self { name: start.name().as_ref().to_owned(), attributes: attributes.collect(), ..Self::default() }
    }

    /// The value of an attribute, `""` where there is none.
    pub fn get(&self, name: &str) -> &str {
        self.attributes.get(name).map_or("", String::as_str)
    }

    /// The elements of this name at any depth, in the order of the document.
    pub fn all(&self, name: &str) -> Vec<&Self> {
        let mut found = Vec::new();
        for child in &self.children {
            if child.name == name {
                found.push(child);
            }
            found.extend(child.all(name));
        }
        found
    }

    /// The only element of this name.
    #[track_caller]
    pub fn only(&self, name: &str) -> &Self {
        let found = self.all(name);
        assert_eq!(found.len(), 1, "{name} in {self:?}");
        found[0]
    }

    /// Each element of a name by its attributes of these names.
    pub fn rows<const N: usize>(&self, name: &str, attributes: [&str; N]) -> Vec<[&str; N]> {
        self.all(name).into_iter().map(|element| attributes.map(|attribute| element.get(attribute))).collect()
    }
}

#[test]
fn text_is_read_with_its_entities() {
    let document = Element::parse("<a>\n<b c='&amp;'> R&amp;D &#233;<![CDATA[<x>]]> </b>\n<b/></a>");
    assert_eq!(document.all("b").iter().map(|b| b.text.as_str()).collect::<Vec<_>>(), ["R&D é<x>", ""]);
    assert_eq!((document.text.as_str(), document.all("b")[0].get("c")), ("", "&"));
}
