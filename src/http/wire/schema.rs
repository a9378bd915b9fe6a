//! Macros for types with a schema of their own, such as enumerated texts of answers.

/// Declares texts with a fixed set of values, such as the names of an enum of `domain`.
macro_rules! choice {
    ($($(#[doc = $doc:literal])* $vis:vis struct $Name:ident: $names:expr;)*) => {$(
        $(#[doc = $doc])*
        #[derive(serde::Serialize, Default)]
        $vis struct $Name(std::borrow::Cow<'static, str>);

        impl<T: Into<std::borrow::Cow<'static, str>>> From<T> for $Name {
            fn from(name: T) -> Self {
                $Name(name.into())
            }
        }

        $crate::http::wire::schema! { $Name => {
            let text = utoipa::openapi::ObjectBuilder::new().schema_type(utoipa::openapi::schema::Type::String);
            let doc: Vec<&str> = vec![$($doc.trim()),*];
            text.description((!doc.is_empty()).then(|| doc.join(" "))).enum_values(Some($names))
        }}
    )*};
}
pub(crate) use choice;

/// Implements the schema of a type from a builder.
macro_rules! schema {
    ([$($generics:tt)*] $Type:ty => $builder:expr) => {
        impl<$($generics)*> utoipa::PartialSchema for $Type {
            fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::Schema> {
                utoipa::openapi::Schema::from($builder).into()
            }
        }

        impl<$($generics)*> utoipa::ToSchema for $Type {}
    };
    ($Type:ident => $builder:expr) => {
        $crate::http::wire::schema! { [] $Type => $builder }
    };
}
pub(crate) use schema;
