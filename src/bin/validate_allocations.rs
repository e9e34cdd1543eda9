//! The program `validate_allocations`.

fn main() -> std::process::ExitCode {
    fifo_pnl::cli::validate_allocations()
}
