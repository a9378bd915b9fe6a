//! `jim completions` and `jim man`: generated from the same arguments as the help.

use std::io::{self, Write};

use clap::Command;
use clap_mangen::Man;

use super::Exit;

/// Prints the completion script of a shell.
pub fn completions(mut command: Command, shell: clap_complete::Shell) -> Result<(), Exit> {
    let mut text = Vec::new();
    clap_complete::generate(shell, &mut command, "jim", &mut text);
    print(&text);
    Ok(())
}

/// Prints one page for all commands, as roff.
pub fn page(command: &Command) -> Result<(), Exit> {
    let text = roff(command).map_err(|e| Exit::io(format!("cannot write the manual: {e}")))?;
    print(&text);
    Ok(())
}

fn roff(command: &Command) -> io::Result<Vec<u8>> {
    let (mut text, page) = (Vec::new(), Man::new(command.clone()));
    page.render_title(&mut text)?;
    page.render_name_section(&mut text)?;
    page.render_synopsis_section(&mut text)?;
    page.render_options_section(&mut text)?;
    writeln!(text, ".SH COMMANDS")?;
    for sub in command.get_subcommands() {
        describe(sub, "jim", &mut text)?;
    }
    page.render_extra_section(&mut text)?;
    Ok(text)
}

/// Describes a command and its subcommands.
fn describe(command: &Command, above: &str, text: &mut Vec<u8>) -> io::Result<()> {
    if command.get_name() == "help" {
        return Ok(());
    }
    let name = format!("{above} {}", command.get_name());
    writeln!(text, ".SS {}", name.replace('-', "\\-"))?;
    // --help is described once, for all commands.
    let (mut own, page) = (Vec::new(), Man::new(command.clone().disable_help_flag(true)));
    page.render_description_section(&mut own)?;
    page.render_options_section(&mut own)?;
    page.render_extra_section(&mut own)?;
    // A section heading would end the list of commands.
    let own = String::from_utf8_lossy(&own);
    for line in own.lines() {
        writeln!(text, "{}", if line.starts_with(".SH ") { ".PP" } else { line })?;
    }
    command.get_subcommands().try_for_each(|sub| describe(sub, &name, text))
}

fn print(text: &[u8]) {
    // A closed pipe is not an error.
    let _ = io::stdout().write_all(text);
}
