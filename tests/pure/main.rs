//! Tests without a database: the engine over random histories, and the rules of this repository.

mod engine_properties;
mod kernel_bench;
mod tidy;
