//! The fields of `config show --format json`, which the command fills in.

use crate::text::field::{COUNT, Field, Type};

/// The fields of a setting.
pub static SETTING: [Field; 7] = [
    Field::new("name", Type::Word, "the long name of the option that it is").always(),
    Field::new("command", Type::Word, "the command for which alone it holds"),
    Field::new("values", Type::Text, "its values; none where the option is not given").list().always(),
    Field::new(
        "source",
        Type::OneOf(|| vec!["environment", "user", "system", "default"]),
        "where it comes from: a variable, the user's file, the system's, or the program itself",
    )
    .always(),
    Field::new("variable", Type::Word, "the variable that sets it, whether it does or not").always(),
    Field::new("file", Type::Text, "the file that it stands in"),
    Field::new("line", COUNT, "the line of that file, from 1"),
];
