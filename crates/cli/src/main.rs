//! The quarrel command line.

fn main() -> std::process::ExitCode {
    quarrel_cli::main_with(quarrel_cli::standard())
}
