//! Keys and secrets: API keys and their verification, sealed values, TLS trust.
