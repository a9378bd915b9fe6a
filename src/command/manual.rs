//! `jim completions` and `jim man`: made from the same description as the help, so that they cannot differ from it.

use std::io::{self, Write};

use clap::Command;
use clap_mangen::Man;

use super::Exit;

/// Prints the shell's file.
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

/// A command and what is below it.
fn describe(command: &Command, above: &str, text: &mut Vec<u8>) -> io::Result<()> {
    if command.get_name() == "help" {
        return Ok(());
    }
    let name = format!("{above} {}", command.get_name());
    writeln!(text, ".SS {}", name.replace('-', "\\-"))?;
    // That each of them has --help is said once.
    let (mut own, page) = (Vec::new(), Man::new(command.clone().disable_help_flag(true)));
    page.render_description_section(&mut own)?;
    page.render_options_section(&mut own)?;
    page.render_extra_section(&mut own)?;
    // A section here would end the list of commands.
    let own = String::from_utf8_lossy(&own);
    for line in own.lines() {
        writeln!(text, "{}", if line.starts_with(".SH ") { ".PP" } else { line })?;
    }
    command.get_subcommands().try_for_each(|sub| describe(sub, &name, text))
}

fn print(text: &[u8]) {
    // A reader that went away is no fault.
    let _ = io::stdout().write_all(text);
}
