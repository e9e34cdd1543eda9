//! The program `fifo-pnl`.

fn main() -> std::process::ExitCode {
    fifo_pnl::cli::fifo_pnl()
}
