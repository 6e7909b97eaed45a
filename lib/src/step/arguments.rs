//! The arguments of a step, made of its own flags and of groups that steps share.

use argh::{ArgsInfo, TopLevelCommand};

/// The arguments of a step, as the boot needs them; [`arguments!`](crate::arguments) implements it.
pub trait Arguments: TopLevelCommand + ArgsInfo {
    /// The fields of flags that most steps have, which help shows at its end.
    const COMMON: &'static [&'static str];
    /// The step's results, in order; the boot takes the path of each, `--result-NAME`.
    const RESULTS: &'static [&'static str];
}

/// Declares a step's arguments: the groups of [`groups`](crate::step::groups) that it shares, its
/// results, and its own flags as argh takes them (each with a comma behind it). A group of several
/// flags is given back by a method of its name; a group of one flag is a field, and so are those of
/// `job_list` and `gangway_place`, the parts of `request` and `gangway` that a step may have alone.
///
/// ```
/// gate::arguments! {
///     groups: check, access;
///     results: "image", "TEST_OUTPUT";
///
///     /// Does it.
///     struct Args {
///         /// what it is done to
///         #[argh(option, arg_name = "REF")]
///         image: String,
///     }
/// }
/// let given = ["--image", "a", "--namespace", "n"];
/// let args = <Args as argh::FromArgs>::from_args(&["x"], &given).unwrap();
/// assert_eq!((args.image.as_str(), args.check), ("a", false));
/// assert_eq!(args.access().namespace.as_deref(), Some("n"));
/// ```
#[macro_export]
macro_rules! arguments {
    (
        groups: $($group:ident),+;
        results: $($result:literal),*;
        $(#[$meta:meta])*
        struct $name:ident { $($own:tt)* }
    ) => {
        $crate::arguments!(@add [$($group)+] [[$(#[$meta])*] $name [$($result)*]] [] []
            { $($own)* });
    };

    (@add [check $($rest:ident)*] $fixed:tt $got:tt $common:tt { $($fields:tt)* }) => {
        $crate::arguments!(@add [$($rest)*] $fixed $got $common { $($fields)*
            /// check servers, rights and secrets; change nothing
            #[argh(switch)]
            check: bool,
        });
    };
    (@add [check_input $($rest:ident)*] $fixed:tt $got:tt $common:tt { $($fields:tt)* }) => {
        $crate::arguments!(@add [$($rest)*] $fixed $got $common { $($fields)*
            /// read the flags and the job list only, ask no server; what is wrong is noted in a
            /// record that has no jobs yet
            #[argh(switch)]
            check_input: bool,
        });
    };
    (@add [image $($rest:ident)*] $fixed:tt $got:tt $common:tt { $($fields:tt)* }) => {
        $crate::arguments!(@add [$($rest)*] $fixed $got $common { $($fields)*
            /// the image under test, repository@sha256:<64 hex digits>; a record of another one is
            /// refused
            #[argh(option, arg_name = "REF")]
            image: Option<String>,
        });
    };
    (@add [snapshot_name $($rest:ident)*] $fixed:tt $got:tt $common:tt { $($fields:tt)* }) => {
        $crate::arguments!(@add [$($rest)*] $fixed $got $common { $($fields)*
            /// the Snapshot's name [default: as --snapshot or the record has it]
            #[argh(option, arg_name = "NAME")]
            snapshot_name: Option<String>,
        });
    };
    (@add [request $($rest:ident)*] $fixed:tt [$($got:ident)*] $common:tt { $($fields:tt)* }) => {
        $crate::arguments!(@add [job_list $($rest)*] $fixed [$($got)* request] $common { $($fields)*
            /// jobs that must pass, as a JSON array of names
            #[argh(option, arg_name = "JSON")]
            blocking: Option<String>,
        });
    };
    (@add [job_list $($rest:ident)*] $fixed:tt $got:tt $common:tt { $($fields:tt)* }) => {
        $crate::arguments!(@add [$($rest)*] $fixed $got $common { $($fields)*
            /// a job list: a YAML file, - for standard input, or the YAML itself
            #[argh(option, arg_name = "YAML")]
            jobs: Option<String>,
            /// the variable that carries the image, for jobs that name none of their own; may be
            /// repeated
            #[argh(option, arg_name = "NAME")]
            override_env: Vec<String>,
            /// further variables for every job, as a JSON object of texts
            #[argh(option, arg_name = "JSON")]
            env: Option<String>,
        });
    };
    (@add [informing $($rest:ident)*] $fixed:tt $got:tt $common:tt { $($fields:tt)* }) => {
        $crate::arguments!(@add [$($rest)*] $fixed $got $common { $($fields)*
            /// jobs that are run and shown but decide nothing, as a JSON array of names
            #[argh(option, arg_name = "JSON")]
            informing: Option<String>,
        });
    };
    (@add [proof $($rest:ident)*] $fixed:tt [$($got:ident)*] $common:tt { $($fields:tt)* }) => {
        $crate::arguments!(@add [$($rest)*] $fixed [$($got)* proof] $common { $($fields)*
            /// what must show which image ran [default: the record's, at first enforce]
            #[argh(option, arg_name = "enforce|warn|off")]
            proof: Option<String>,
            /// a log that holds the digest, as a pattern of its path below the run's folder; may be
            /// repeated [default: the record's]
            #[argh(option, arg_name = "GLOB")]
            proof_log: Vec<String>,
            /// what follows when a run's own artifacts contradict its success [default: the
            /// record's, at first enforce]
            #[argh(option, arg_name = "enforce|warn|off")]
            hollow: Option<String>,
        });
    };
    (@add [gangway $($rest:ident)*] $fixed:tt [$($got:ident)*] $common:tt { $($fields:tt)* }) => {
        $crate::arguments!(@add [gangway_place limits $($rest)*] $fixed [$($got)* gangway]
            $common { $($fields)* });
    };
    (@add [gangway_place $($rest:ident)*] $fixed:tt $got:tt $common:tt { $($fields:tt)* }) => {
        $crate::arguments!(@add [$($rest)*] $fixed $got $common { $($fields)*
            /// a file with Gangway's token, read again for every request; without one nothing is
            /// launched
            #[argh(option, arg_name = "FILE")]
            gangway_token_file: Option<::std::path::PathBuf>,
            /// where Gangway is [default: https://gangway-ci.apps.ci.l2s4.p1.openshiftapps.com]
            #[argh(option, arg_name = "URL")]
            gangway_url: Option<String>,
        });
    };
    (@add [limits $($rest:ident)*] $fixed:tt $got:tt $common:tt { $($fields:tt)* }) => {
        $crate::arguments!(@add [$($rest)*] $fixed $got $common { $($fields)*
            /// requests to Gangway in a minute [default: 6]
            #[argh(option, arg_name = "N")]
            requests_per_minute: Option<String>,
            /// requests to Gangway at once [default: 5]
            #[argh(option, arg_name = "N")]
            burst: Option<String>,
        });
    };
    (@add [prow $($rest:ident)*] $fixed:tt [$($got:ident)*] $common:tt { $($fields:tt)* }) => {
        $crate::arguments!(@add [$($rest)*] $fixed [$($got)* prow] $common { $($fields)*
            /// where Deck is [default: https://prow.ci.openshift.org]
            #[argh(option, arg_name = "URL")]
            deck_url: Option<String>,
            /// a file with a bearer token for a Deck that is not for everybody
            #[argh(option, arg_name = "FILE")]
            deck_token_file: Option<::std::path::PathBuf>,
            /// where artifacts are [default: https://storage.googleapis.com]
            #[argh(option, arg_name = "URL")]
            artifacts_url: Option<String>,
            /// a file with a bearer token for a bucket that is not for everybody
            #[argh(option, arg_name = "FILE")]
            artifacts_token_file: Option<::std::path::PathBuf>,
        });
    };
    (@add [bucket $($rest:ident)*] $fixed:tt $got:tt $common:tt { $($fields:tt)* }) => {
        $crate::arguments!(@add [$($rest)*] $fixed $got $common { $($fields)*
            /// a bucket that only Prow writes to, for runs that Deck no longer has; may be repeated
            /// [default: those of OpenShift's Prow]
            #[argh(option, arg_name = "NAME")]
            bucket: Vec<String>,
        });
    };
    (@add [builds $($rest:ident)*] $fixed:tt [$($got:ident)*] $common:tt { $($fields:tt)* }) => {
        $crate::arguments!(@add [$($rest)*] $fixed [$($got)* builds] $common { $($fields)*
            /// the Application (or ComponentGroup) whose Snapshots are looked at
            #[argh(option, arg_name = "NAME")]
            application: Option<String>,
            /// the component whose image is tested
            #[argh(option, arg_name = "NAME")]
            component: Option<String>,
            /// the component's version, where a Snapshot has several of that name [default: the
            /// only one]
            #[argh(option, arg_name = "TEXT")]
            component_version: Option<String>,
        });
    };
    (@add [threshold $($rest:ident)*] $fixed:tt $got:tt $common:tt { $($fields:tt)* }) => {
        $crate::arguments!(@add [$($rest)*] $fixed $got $common { $($fields)*
            /// days after which the newest verified image is too old [default: 3]
            #[argh(option, arg_name = "DAYS")]
            threshold_days: Option<String>,
        });
    };
    (@add [archive $($rest:ident)*] $fixed:tt $got:tt $common:tt { $($fields:tt)* }) => {
        $crate::arguments!(@add [$($rest)*] $fixed $got $common { $($fields)*
            /// where KubeArchive is, for Releases that are no longer in the cluster [default: none]
            #[argh(option, arg_name = "URL")]
            kubearchive_url: Option<String>,
        });
    };
    (@add [webhook $($rest:ident)*] $fixed:tt $got:tt $common:tt { $($fields:tt)* }) => {
        $crate::arguments!(@add [$($rest)*] $fixed $got $common { $($fields)*
            /// a file with the address of a Slack incoming webhook
            #[argh(option, arg_name = "FILE")]
            slack_webhook_file: Option<::std::path::PathBuf>,
        });
    };
    (@add [runbook $($rest:ident)*] $fixed:tt $got:tt $common:tt { $($fields:tt)* }) => {
        $crate::arguments!(@add [$($rest)*] $fixed $got $common { $($fields)*
            /// the runbook's page, to whose rows messages that are not green are linked [default: no
            /// link]
            #[argh(option, arg_name = "URL")]
            runbook_url: Option<String>,
        });
    };
    (@add [registry $($rest:ident)*] $fixed:tt $got:tt $common:tt { $($fields:tt)* }) => {
        $crate::arguments!(@add [$($rest)*] $fixed $got $common { $($fields)*
            /// registry credentials: docker's config.json, podman's auth.json, or a folder with one
            #[argh(option, arg_name = "FILE")]
            authfile: Option<::std::path::PathBuf>,
            /// a registry host to speak to without TLS, besides loopback; may be repeated
            #[argh(option, arg_name = "HOST")]
            plain_http: Vec<String>,
        });
    };
    (@add [run $($rest:ident)*] $fixed:tt [$($got:ident)*]
        [$($common:ident)*] { $($fields:tt)* }
    ) => {
        $crate::arguments!(@add [label $($rest)*] $fixed [$($got)* run]
            [$($common)* run_id run_name scenario] { $($fields)*
            /// the run's id, the PipelineRun's UID [default: the record's, at first random]
            #[argh(option, arg_name = "ID")]
            run_id: Option<String>,
            /// the run's name, the PipelineRun's
            #[argh(option, arg_name = "NAME")]
            run_name: Option<String>,
            /// the run's IntegrationTestScenario
            #[argh(option, arg_name = "NAME")]
            scenario: Option<String>,
        });
    };
    (@add [label $($rest:ident)*] $fixed:tt $got:tt [$($common:ident)*] { $($fields:tt)* }) => {
        $crate::arguments!(@add [$($rest)*] $fixed $got [$($common)* gate_label] { $($fields)*
            /// the platform's name for people, such as "ARO HCP"
            #[argh(option, arg_name = "TEXT")]
            gate_label: Option<String>,
        });
    };
    (@add [access $($rest:ident)*] $fixed:tt [$($got:ident)*]
        [$($common:ident)*] { $($fields:tt)* }
    ) => {
        $crate::arguments!(@add [ca_file $($rest)*] $fixed [$($got)* access]
            [$($common)* namespace kubeconfig context] { $($fields)*
            /// the namespace [default: the kubeconfig's or the pod's]
            #[argh(option, arg_name = "NAMESPACE")]
            namespace: Option<String>,
            /// the kubeconfig [default: KUBECONFIG, then the pod's service account]
            #[argh(option, arg_name = "FILE")]
            kubeconfig: Option<::std::path::PathBuf>,
            /// the kubeconfig's context [default: its current one]
            #[argh(option, arg_name = "NAME")]
            context: Option<String>,
        });
    };
    (@add [ca_file $($rest:ident)*] $fixed:tt $got:tt [$($common:ident)*] { $($fields:tt)* }) => {
        $crate::arguments!(@add [$($rest)*] $fixed $got [$($common)* ca_file] { $($fields)*
            /// certificates to trust besides the usual ones: a PEM file or a folder of them
            #[argh(option, arg_name = "PEM")]
            ca_file: Option<::std::path::PathBuf>,
        });
    };
    (@add [] [[$($meta:tt)*] $name:ident [$($result:literal)*]] [$($got:ident)*]
        [$($common:ident)*] { $($fields:tt)* }
    ) => {
        #[derive(::argh::FromArgs, ::argh::ArgsInfo)]
        $($meta)*
        struct $name { $($fields)* }

        impl $crate::step::Arguments for $name {
            const COMMON: &'static [&'static str] = &[$(stringify!($common)),*];
            const RESULTS: &'static [&'static str] = &[$($result),*];
        }

        impl $name {
            $($crate::arguments! { @give $got })*
        }
    };

    (@give request) => {
        fn request(&self) -> $crate::step::groups::Request {
            $crate::step::groups::Request {
                blocking: self.blocking.clone(),
                informing: None,
                jobs: self.jobs.clone(),
                override_env: self.override_env.clone(),
                env: self.env.clone(),
            }
        }
    };
    (@give proof) => {
        fn proof(&self) -> $crate::step::groups::Proof {
            $crate::step::groups::Proof {
                proof: self.proof.clone(),
                proof_log: self.proof_log.clone(),
                hollow: self.hollow.clone(),
            }
        }
    };
    (@give gangway) => {
        fn gangway(&self) -> $crate::step::groups::Gangway {
            $crate::step::groups::Gangway {
                token_file: self.gangway_token_file.clone(),
                url: self.gangway_url.clone(),
                requests_per_minute: self.requests_per_minute.clone(),
                burst: self.burst.clone(),
            }
        }
    };
    (@give prow) => {
        fn prow(&self) -> $crate::step::groups::Prow {
            $crate::step::groups::Prow {
                deck_url: self.deck_url.clone(),
                deck_token_file: self.deck_token_file.clone(),
                artifacts_url: self.artifacts_url.clone(),
                artifacts_token_file: self.artifacts_token_file.clone(),
            }
        }
    };
    (@give builds) => {
        fn builds(&self) -> $crate::step::groups::Builds {
            $crate::step::groups::Builds {
                application: self.application.clone(),
                component: self.component.clone(),
                component_version: self.component_version.clone(),
            }
        }
    };
    (@give run) => {
        fn run(&self) -> $crate::step::groups::Run {
            $crate::step::groups::Run {
                run_id: self.run_id.clone(),
                run_name: self.run_name.clone(),
                scenario: self.scenario.clone(),
                gate_label: self.gate_label.clone(),
            }
        }
    };
    (@give access) => {
        fn access(&self) -> $crate::step::groups::Access {
            $crate::step::groups::Access {
                namespace: self.namespace.clone(),
                kubeconfig: self.kubeconfig.clone(),
                context: self.context.clone(),
                ca_file: self.ca_file.clone(),
            }
        }
    };
}
