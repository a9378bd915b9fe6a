//! Wire names of enums, declared once beside each variant.

/// Declares an enum whose variants have wire names: the identifier, or the text after `=`.
macro_rules! wire_names {
    (
        $(#[$meta:meta])*
        $vis:vis enum $Enum:ident {
            $($(#[$doc:meta])* $Variant:ident $(= $name:literal)?),+ $(,)?
        }
    ) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        $vis enum $Enum {
            $($(#[$doc])* $Variant),+
        }

        #[allow(dead_code, reason = "not every enum is listed, written and read")]
        impl $Enum {
            /// All variants in order of declaration.
            $vis const ALL: &'static [$Enum] = &[$($Enum::$Variant),+];

            $vis const fn name(self) -> &'static str {
                match self {
                    $($Enum::$Variant => wire_names!(@name $Variant $($name)?)),+
                }
            }

            /// Variant by name, ignoring case.
            $vis fn parse(name: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|v| v.name().eq_ignore_ascii_case(name))
            }
        }
    };
    (@name $Variant:ident) => { stringify!($Variant) };
    (@name $Variant:ident $name:literal) => { $name };
}

pub(crate) use wire_names;

#[cfg(test)]
mod tests {
    wire_names! {
        enum Colour {
            Red,
            Blue = "Navy",
        }
    }

    #[test]
    fn names_are_identifiers_unless_given_and_read_in_any_case() {
        let names: Vec<_> = Colour::ALL.iter().map(|c| c.name()).collect();
        assert_eq!(names, ["Red", "Navy"]);
        assert_eq!([Colour::parse("RED"), Colour::parse("navy")], [Some(Colour::Red), Some(Colour::Blue)]);
        assert_eq!(Colour::parse("Blue"), None);
    }
}
