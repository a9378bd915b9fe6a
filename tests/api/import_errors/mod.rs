//! Chapter 6.2: what an import is refused for, before anything is opened and afterwards.

mod directory;
mod settings;

use crate::support::case::{Case, activities, same};

/// An import that fails with this status and code, changes nothing and says nothing secret. Returns the message; a
/// failure after connecting began leaves a failed activity that tells the same.
async fn fails(case: &Case<'_>, status: u16, opened: bool) -> String {
    let code = if status == 400 { "BAD_REQUEST" } else { "INTERNAL_ERROR" };
    let (dump, before) = (case.app.dump(), activities(case.app, case.id).len());
    case.app.import(case.id, "?preview=true").await.expect_error(status, code);
    assert_eq!(activities(case.app, case.id).len(), before, "a preview leaves no activity");
    let message = case.app.import(case.id, "").await.expect_error(status, code);
    same(&case.app.dump(), &dump, &message);
    let after = activities(case.app, case.id);
    assert_eq!(after.len() - before, usize::from(opened), "activities after: {message}");
    let password = case.sandbox.password();
    assert!(password.len() > 3 && !message.contains(password), "{message}");
    if opened {
        let (status, _, _, error) = after.last().expect("an activity").clone();
        let error = error.expect("an errorMessage");
        assert_eq!(status, "FailedWithError");
        let bare = |text: &str| text.trim_end_matches('.').to_lowercase();
        assert_eq!(bare(&error), bare(&message));
    }
    message
}
