//! Makes cargo look at the migrations, which are compiled into the program, and lists the tables of
//! formats: a new table is one file.

use std::fmt::Write;
use std::path::Path;
use std::{env, fs, io};

/// The folder of the tables.
const FORMATS: &str = "src/import/formats";

#[expect(
    clippy::disallowed_methods,
    reason = "cargo names the folder of a build script's output in the environment"
)]
fn main() -> io::Result<()> {
    println!("cargo:rerun-if-changed=migrations");
    println!("cargo:rerun-if-changed={FORMATS}");
    let mut names = Vec::new();
    for file in fs::read_dir(FORMATS)? {
        let path = file?.path();
        let name = path.file_stem().and_then(|stem| stem.to_str());
        let is_table = path.extension().is_some_and(|of| of == "toml");
        names.extend(name.filter(|_| is_table).map(str::to_owned));
    }
    names.sort();
    let mut list = String::from("&[\n");
    for name in names {
        let path = format!("concat!(env!(\"CARGO_MANIFEST_DIR\"), \"/{FORMATS}/{name}.toml\")");
        writeln!(list, "    ({name:?}, include_str!({path})),").map_err(io::Error::other)?;
    }
    list.push(']');
    let folder = env::var_os("OUT_DIR").unwrap_or_default();
    fs::write(Path::new(&folder).join("layouts.rs"), list)
}
