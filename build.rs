//! Makes cargo look at the migrations, which are compiled into the program.

fn main() {
    println!("cargo:rerun-if-changed=migrations");
}
