//! notify-slack as a black box.
