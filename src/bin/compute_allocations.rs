//! The program `compute_allocations`.

fn main() -> std::process::ExitCode {
    fifo_pnl::cli::compute_allocations()
}
