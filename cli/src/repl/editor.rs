//! The line editor with everything plugged in.

use anyhow::Context as _;
use nu_ansi_term::{Color, Style};
use reedline::{
    ColumnarMenu, DefaultHinter, EditCommand, Emacs, FileBackedHistory, KeyCode, KeyModifiers, MenuBuilder, Reedline,
    ReedlineEvent, ReedlineMenu, default_emacs_keybindings,
};

use super::completer::{Names, SqlCompleter};
use super::highlighter::SqlHighlighter;
use super::validator::StatementValidator;

const HISTORY_LINES: usize = 10_000;
const COMPLETIONS: &str = "completions";

pub(super) fn open(names: Names) -> anyhow::Result<Reedline> {
    let mut keys = default_emacs_keybindings();
    let complete =
        ReedlineEvent::UntilFound(vec![ReedlineEvent::Menu(COMPLETIONS.to_owned()), ReedlineEvent::MenuNext]);
    keys.add_binding(KeyModifiers::NONE, KeyCode::Tab, complete);
    keys.add_binding(KeyModifiers::ALT, KeyCode::Enter, ReedlineEvent::Edit(vec![EditCommand::InsertNewline]));
    let menu = ColumnarMenu::default().with_name(COMPLETIONS).with_columns(4);
    let mut editor = Reedline::create()
        .with_validator(Box::new(StatementValidator))
        .with_highlighter(Box::new(SqlHighlighter))
        .with_completer(Box::new(SqlCompleter::new(names)))
        .with_hinter(Box::new(DefaultHinter::default().with_style(Style::new().fg(Color::DarkGray))))
        .with_menu(ReedlineMenu::EngineCompleter(Box::new(menu)))
        .with_edit_mode(Box::new(Emacs::new(keys)))
        .with_quick_completions(true)
        .with_partial_completions(true)
        .use_bracketed_paste(true);
    if let Some(path) = dirs::data_dir().map(|dir| dir.join("arachne/history.txt")) {
        let history = FileBackedHistory::with_file(HISTORY_LINES, path.clone());
        let history = history.with_context(|| format!("cannot open the history file {}", path.display()))?;
        keep_private(&path).with_context(|| format!("cannot protect the history file {}", path.display()))?;
        editor = editor.with_history(Box::new(history));
    }
    Ok(editor)
}

/// Queries may hold what others must not read.
#[cfg(unix)]
fn keep_private(path: &std::path::Path) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::OpenOptions::new().create(true).append(true).open(path)?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))
}

#[cfg(not(unix))]
fn keep_private(_path: &std::path::Path) -> std::io::Result<()> {
    Ok(())
}
