#![doc = include_str!("../README.md")]

mod answer;
mod archive;
mod bucket;
pub mod captured;
mod deck;
mod direct;
mod enter;
mod gangway;
mod kube;
mod night;
mod prow;
mod registry;
mod serve;
mod slack;
mod slack_web;
mod switch;
mod time;
mod world;

pub use archive::Archive;
pub use direct::{Broken, Direct};
pub use enter::Dropped;
pub use kube::{Kube, Pushed, ReleaseEnding, ReleaseScript, ScenarioScript, USER};
pub use night::{Installed, Night};
pub use prow::{BUCKET, Ending, JobScript, Launch, Limit, Prow, RanImage, State, TestPhase};
pub use registry::{Access, ImageBuilder, ImageRef, Media, Registry, SESSION_TOKEN, Writes};
pub use serve::{CLUSTER_TOKEN, ServeOptions, Servers, Tls, WEBHOOK};
pub use slack::{Message, Slack};
pub use switch::{Canned, Fault, Nth, Server, Trouble};
pub use time::{FnTime, ManualTime, Time, TokioTime, Wait, Wall};
pub use world::{Asked, World, WorldBuilder};
