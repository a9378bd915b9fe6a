//! Texts of which a member of an answer is one: what is written and what the description lists, in one place.

/// Declares a text that is one of a list of names, such as those of an enum of `domain`.
macro_rules! choice {
    ($(#[doc = $doc:literal])* $vis:vis struct $Name:ident: $names:expr;) => {
        $(#[doc = $doc])*
        #[derive(serde::Serialize)]
        $vis struct $Name(std::borrow::Cow<'static, str>);

        impl<T: Into<std::borrow::Cow<'static, str>>> From<T> for $Name {
            fn from(name: T) -> Self {
                $Name(name.into())
            }
        }

        impl utoipa::PartialSchema for $Name {
            fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::Schema> {
                let text = utoipa::openapi::ObjectBuilder::new().schema_type(utoipa::openapi::schema::Type::String);
                let doc: Vec<&str> = vec![$($doc.trim()),*];
                let doc = (!doc.is_empty()).then(|| doc.join(" "));
                utoipa::openapi::Schema::from(text.description(doc).enum_values(Some($names))).into()
            }
        }

        impl utoipa::ToSchema for $Name {}
    };
}
pub(crate) use choice;
