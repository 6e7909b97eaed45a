//! What a registry wants before it answers: the `WWW-Authenticate` of its 401.

use http::HeaderMap;
use http::header::WWW_AUTHENTICATE;
use http_auth::parser::ChallengeParser;
use url::Url;

/// A registry's wish.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Challenge {
    /// User name and password, in every request.
    Basic,
    /// A token from a token service.
    Bearer {
        /// The service.
        realm: Url,
        /// As whom it knows the registry.
        service: Option<String>,
    },
}

impl Challenge {
    /// The wish that a 401 states, a token's rather than a password's; `None` where it states none
    /// that is known.
    ///
    /// # Errors
    /// In words, where the token service's address is none.
    pub(super) fn of(headers: &HeaderMap) -> Result<Option<Self>, String> {
        let mut basic = None;
        for header in headers
            .get_all(WWW_AUTHENTICATE)
            .iter()
            .filter_map(|value| value.to_str().ok())
        {
            for challenge in ChallengeParser::new(header).map_while(Result::ok) {
                let parameter = |wanted: &str| {
                    let found = challenge
                        .params
                        .iter()
                        .find(|(name, _)| name.eq_ignore_ascii_case(wanted));
                    found.map(|(_, value)| value.to_unescaped())
                };
                if challenge.scheme.eq_ignore_ascii_case("bearer") {
                    let realm = parameter("realm").unwrap_or_default();
                    let realm = realm.parse().map_err(|_| {
                        "it names no address of a token service, expected realm=\"https://…\""
                            .to_owned()
                    })?;
                    return Ok(Some(Self::Bearer { realm, service: parameter("service") }));
                }
                if challenge.scheme.eq_ignore_ascii_case("basic") {
                    basic = Some(Self::Basic);
                }
            }
        }
        Ok(basic)
    }
}

/// The address at which the token service gives a token for a right.
pub(super) fn token_url(realm: &Url, service: Option<&str>, scope: &str) -> Url {
    let mut url = realm.clone();
    let mut query = url.query_pairs_mut();
    if let Some(service) = service {
        query.append_pair("service", service);
    }
    query.append_pair("scope", scope);
    drop(query);
    url
}

/// The right to read a repository, or to write it as well, as token services know it.
pub(super) fn scope(repository: &str, writes: bool) -> String {
    let rights = if writes { "pull,push" } else { "pull" };
    format!("repository:{repository}:{rights}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn of(headers: &[&str]) -> Result<Option<Challenge>, String> {
        let mut map = HeaderMap::new();
        for header in headers {
            map.append(WWW_AUTHENTICATE, header.parse().unwrap());
        }
        Challenge::of(&map)
    }

    #[test]
    fn wishes_as_registries_state_them() {
        let bearer = |service: Option<&str>| {
            let realm = "https://auth.io/token".parse().unwrap();
            Ok(Some(Challenge::Bearer { realm, service: service.map(str::to_owned) }))
        };
        for (headers, wanted) in [
            (vec![r#"Bearer realm="https://auth.io/token",service="r.io""#], bearer(Some("r.io"))),
            (
                vec![
                    r#"Bearer realm="https://auth.io/token",service="r.io",scope="repository:a:pull""#,
                ],
                bearer(Some("r.io")),
            ),
            (vec![r#"bearer Realm="https://auth.io/token""#], bearer(None)),
            (vec![r#"Basic realm="r""#, r#"Bearer realm="https://auth.io/token""#], bearer(None)),
            (
                vec![r#"Basic realm="r", Bearer realm="https://auth.io/token",service="a \"b\"""#],
                bearer(Some("a \"b\"")),
            ),
            (vec![r#"BASIC realm="Registry Realm""#], Ok(Some(Challenge::Basic))),
            (vec![r#"Negotiate"#], Ok(None)),
            (vec![], Ok(None)),
        ] {
            assert_eq!(of(&headers), wanted, "{headers:?}");
        }
        for broken in [r#"Bearer service="x""#, r#"Bearer realm="/token""#, "Bearer"] {
            assert!(of(&[broken]).unwrap_err().contains("realm="), "{broken}");
        }
    }

    #[test]
    fn what_a_realm_holds_already_stays() {
        let realm = "https://r.io/v2/auth?account=robot".parse().unwrap();
        let url = token_url(&realm, Some("r.io&x=y"), &scope("acme/ho", false));
        assert_eq!(
            url.as_str(),
            "https://r.io/v2/auth?account=robot&service=r.io%26x%3Dy&scope=repository%3Aacme%2Fho%3Apull"
        );
    }

    proptest! {
        #[test]
        fn no_header_is_a_panic(text in "[ -~]{0,60}") {
            let _ = of(&[&text]);
            let _ = of(&[&format!("Bearer realm=\"{text}")]);
        }
    }
}
