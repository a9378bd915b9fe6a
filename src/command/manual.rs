//! `jim completions`, `jim man` and `jim version`: generated from the same arguments and texts as the help.

use std::io::{self, Write};

use clap::Command;
use clap_mangen::Man;

use jim::config::variables;
use jim::guide;

use super::{Exit, help};

/// Prints what `--version` prints.
pub fn version() -> Result<(), Exit> {
    say!("jim {}", env!("CARGO_PKG_VERSION"));
    Ok(())
}

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
    writeln!(text, ".SH \"EXAMPLES\"\n.nf\n{}\n.fi", escaped(help::EXAMPLES))?;
    let codes = help::EXIT_CODES.iter().map(|(code, meaning)| (code.to_string(), (*meaning).to_owned()));
    list("EXIT STATUS", codes, &mut text)?;
    let variables =
        variables().map(|(name, section, key)| (name, format!("in place of [{section}] {key} in jim.toml")));
    list("ENVIRONMENT", variables.chain(owned(&help::VARIABLES)), &mut text)?;
    list("FILES", owned(&help::FILES), &mut text)?;
    let topics = guide::PAGES.iter().map(|page| (format!("jim help {}", page.topic), page.about.to_owned()));
    list("GUIDE", topics, &mut text)?;
    Ok(text)
}

fn owned(pairs: &'static [(&str, &str)]) -> impl Iterator<Item = (String, String)> {
    pairs.iter().map(|(term, meaning)| ((*term).to_owned(), (*meaning).to_owned()))
}

/// Writes a section with a term and its meaning in each paragraph.
fn list(section: &str, terms: impl Iterator<Item = (String, String)>, text: &mut Vec<u8>) -> io::Result<()> {
    writeln!(text, ".SH \"{section}\"")?;
    for (term, meaning) in terms {
        writeln!(text, ".TP\n\\fB{}\\fR\n{}", escaped(&term), escaped(&meaning))?;
    }
    Ok(())
}

/// Escapes text of our own, in which a line begins with no control character of roff but a full stop.
fn escaped(text: &str) -> String {
    let text = text.replace('\\', "\\e").replace('-', "\\-");
    let line = |line: &str| if line.starts_with('.') { format!("\\&{line}") } else { line.to_owned() };
    text.split('\n').map(line).collect::<Vec<_>>().join("\n")
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
