//! What can be asked, and how.

use axum::{Json, middleware};
use utoipa::{IntoResponses, OpenApi};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    events,
    service::{Answered, Asking, Body, Path, Query, Shared, no_query},
};
use crate::api::{
    AccountView, Answer, ApproveBody, Code, Decision, DrillBody, Filter, FreezeBody, IncidentDetail,
    IncidentSummary, Joined, LeaseBody, LeaseView, Moved, OffBody, Problem, ReasonBody, ReloadBody, Reloaded,
    Request, Restore, RestoreBody, Status, Tested, Whois, Why, span,
};

#[derive(OpenApi)]
#[openapi(
    info(
        title = "burstguard control",
        description = "HTTP/1.1 on the unix socket of the daemon. Who asks is told by the socket's credentials.",
    ),
    components(schemas(Problem))
)]
struct Description;

/// Every route, and at once its description.
pub(super) fn documented() -> OpenApiRouter<Shared> {
    OpenApiRouter::with_openapi(Description::openapi()).routes(routes!(incidents)).merge(without_query())
}

fn without_query() -> OpenApiRouter<Shared> {
    OpenApiRouter::new()
        .routes(routes!(status))
        .routes(routes!(accounts))
        .routes(routes!(incident))
        .routes(routes!(whois))
        .routes(routes!(why))
        .routes(routes!(freeze))
        .routes(routes!(approve))
        .routes(routes!(lease, leases))
        .routes(routes!(revoke))
        .routes(routes!(deny))
        .routes(routes!(thaw))
        .routes(routes!(kill))
        .routes(routes!(restore))
        .routes(routes!(thaw_all))
        .routes(routes!(reload))
        .routes(routes!(drill))
        .routes(routes!(end_drill))
        .routes(routes!(off))
        .routes(routes!(on))
        .routes(routes!(self_test))
        .routes(routes!(join))
        .routes(routes!(watch))
        .routes(routes!(description))
        .layer(middleware::from_fn(no_query))
}

/// What is answered if the request is not carried out.
#[derive(IntoResponses)]
#[response(status = "default", description = "Why it was not done")]
#[expect(dead_code, reason = "describes an answer, and is none")]
struct Otherwise(Problem);

#[utoipa::path(
    get,
    path = "/v1/status",
    responses((status = 200, description = "The host at a glance", body = Status), Otherwise)
)]
async fn status(asking: Asking) -> Answered {
    asking.answer(Request::Status).await
}

#[utoipa::path(
    get,
    path = "/v1/accounts",
    responses((status = 200, description = "Every account that is watched", body = Vec<AccountView>), Otherwise)
)]
async fn accounts(asking: Asking) -> Answered {
    asking.answer(Request::Accounts).await
}

#[utoipa::path(
    get,
    path = "/v1/incidents",
    params(Filter),
    responses((status = 200, description = "The incidents, newest first", body = Vec<IncidentSummary>), Otherwise)
)]
async fn incidents(asking: Asking, Query(filter): Query<Filter>) -> Answered {
    asking.answer(Request::Incidents(filter)).await
}

#[utoipa::path(
    get,
    path = "/v1/incidents/{id}",
    params(("id" = u64, Path, description = "The incident")),
    responses((status = 200, description = "One incident, with all that is known", body = IncidentDetail), Otherwise)
)]
async fn incident(asking: Asking, Path(id): Path<u64>) -> Answered {
    asking.answer(Request::Incident(id)).await
}

#[utoipa::path(
    get,
    path = "/v1/processes/{pid}",
    params(("pid" = u32, Path, description = "The process")),
    responses((status = 200, description = "Who a process acts for", body = Whois), Otherwise)
)]
async fn whois(asking: Asking, Path(pid): Path<u32>) -> Answered {
    asking.answer(Request::Whois(pid)).await
}

#[utoipa::path(
    get,
    path = "/v1/processes/{pid}/why",
    params(("pid" = u32, Path, description = "The process")),
    responses((status = 200, description = "Why a process does not go on", body = Why), Otherwise)
)]
async fn why(asking: Asking, Path(pid): Path<u32>) -> Answered {
    asking.answer(Request::Why(pid)).await
}

#[utoipa::path(
    post,
    path = "/v1/freezes",
    request_body = FreezeBody,
    responses((status = 200, description = "What was frozen", body = Moved), Otherwise)
)]
async fn freeze(asking: Asking, Body(body): Body<FreezeBody>) -> Answered {
    let FreezeBody { target, for_s, reason } = body;
    asking.answer(Request::Freeze { target, until: span(for_s)?, reason }).await
}

#[utoipa::path(
    post,
    path = "/v1/incidents/{id}/approve",
    params(("id" = u64, Path, description = "The incident")),
    request_body = ApproveBody,
    responses((status = 200, description = "What may finish; or `pending`: nothing does yet, since more people have to say so", body = Moved), Otherwise)
)]
async fn approve(asking: Asking, Path(id): Path<u64>, Body(body): Body<ApproveBody>) -> Answered {
    let scope = body.scope()?;
    asking.answer(Request::Approve { incident: id, scope, reason: body.reason }).await
}

#[utoipa::path(
    post,
    path = "/v1/leases",
    request_body = LeaseBody,
    responses((status = 200, description = "The lease that is in force now", body = LeaseView), Otherwise)
)]
async fn lease(asking: Asking, Body(body): Body<LeaseBody>) -> Answered {
    asking.answer(body.request()?).await
}

#[utoipa::path(
    get,
    path = "/v1/leases",
    responses((status = 200, description = "The leases in force", body = Vec<LeaseView>), Otherwise)
)]
async fn leases(asking: Asking) -> Answered {
    asking.answer(Request::Leases).await
}

#[utoipa::path(
    post,
    path = "/v1/leases/{id}/revoke",
    params(("id" = u64, Path, description = "The lease")),
    request_body = ReasonBody,
    responses((status = 200, description = "It has ended", body = Moved), Otherwise)
)]
async fn revoke(asking: Asking, Path(id): Path<u64>, Body(body): Body<ReasonBody>) -> Answered {
    asking.answer(Request::Revoke { lease: id, reason: body.reason }).await
}

#[utoipa::path(
    post,
    path = "/v1/incidents/{id}/deny",
    params(("id" = u64, Path, description = "The incident")),
    request_body = ReasonBody,
    responses((status = 200, description = "Whose calls fail", body = Moved), Otherwise)
)]
async fn deny(asking: Asking, Path(id): Path<u64>, Body(body): Body<ReasonBody>) -> Answered {
    asking.answer(Request::Deny { incident: id, reason: body.reason }).await
}

#[utoipa::path(
    post,
    path = "/v1/incidents/{id}/thaw",
    params(("id" = u64, Path, description = "The incident")),
    request_body = ReasonBody,
    responses((status = 200, description = "What goes on; or `pending`, as for approve", body = Moved), Otherwise)
)]
async fn thaw(asking: Asking, Path(id): Path<u64>, Body(body): Body<ReasonBody>) -> Answered {
    asking.answer(Request::Thaw { incident: Some(id), reason: body.reason }).await
}

#[utoipa::path(
    post,
    path = "/v1/incidents/{id}/kill",
    params(("id" = u64, Path, description = "The incident")),
    request_body = ReasonBody,
    responses((status = 200, description = "What was ended", body = Moved), Otherwise)
)]
async fn kill(asking: Asking, Path(id): Path<u64>, Body(body): Body<ReasonBody>) -> Answered {
    asking.answer(Request::Kill { incident: id, reason: body.reason }).await
}

#[utoipa::path(
    post,
    path = "/v1/incidents/{id}/restore",
    params(("id" = u64, Path, description = "The incident, whether or not it is over")),
    request_body = RestoreBody,
    responses((status = 200, description = "The decision, which is in the record before this is answered; without `done` it may be carried out now", body = Decision), Otherwise)
)]
async fn restore(asking: Asking, Path(id): Path<u64>, Body(body): Body<RestoreBody>) -> Answered {
    let RestoreBody { paths, to, done, reason } = body;
    let restore = Restore { paths, to, done };
    asking.answer(Request::Restore { incident: id, restore, reason }).await
}

#[utoipa::path(
    post,
    path = "/v1/thaw",
    request_body = ReasonBody,
    responses((status = 200, description = "What goes on, of every incident", body = Moved), Otherwise)
)]
async fn thaw_all(asking: Asking, Body(body): Body<ReasonBody>) -> Answered {
    asking.answer(Request::Thaw { incident: None, reason: body.reason }).await
}

#[utoipa::path(
    post,
    path = "/v1/reload",
    request_body = ReloadBody,
    responses((status = 200, description = "The policy that is in force now; one that loosens what an open incident holds is refused without `loosen`", body = Reloaded), Otherwise)
)]
async fn reload(asking: Asking, Body(body): Body<ReloadBody>) -> Answered {
    let ReloadBody { loosen, reason } = body;
    asking.answer(Request::Reload { loosen, reason }).await
}

#[utoipa::path(
    post,
    path = "/v1/drill",
    request_body = DrillBody,
    responses((status = 200, description = "The policy in force, which has the account of the drill besides", body = Reloaded), Otherwise)
)]
async fn drill(asking: Asking, Body(body): Body<DrillBody>) -> Answered {
    let DrillBody { account, tree, reason } = body;
    asking.answer(Request::Drill { account, tree, reason }).await
}

#[utoipa::path(
    post,
    path = "/v1/drill/end",
    request_body = ReasonBody,
    responses((status = 200, description = "The policy in force, without it", body = Reloaded), Otherwise)
)]
async fn end_drill(asking: Asking, Body(body): Body<ReasonBody>) -> Answered {
    asking.answer(Request::EndDrill { reason: body.reason }).await
}

#[utoipa::path(
    post,
    path = "/v1/off",
    request_body = OffBody,
    responses((status = 200, description = "What goes on while nothing is enforced", body = Moved), Otherwise)
)]
async fn off(asking: Asking, Body(body): Body<OffBody>) -> Answered {
    let OffBody { for_s, reason } = body;
    asking.answer(Request::Off { until: span(for_s)?, reason }).await
}

#[utoipa::path(
    post,
    path = "/v1/on",
    request_body = ReasonBody,
    responses((status = 200, description = "Enforced again", body = Moved), Otherwise)
)]
async fn on(asking: Asking, Body(body): Body<ReasonBody>) -> Answered {
    asking.answer(Request::On { reason: body.reason }).await
}

#[utoipa::path(
    post,
    path = "/v1/selftest",
    responses((status = 200, description = "The self-test has passed", body = Tested), Otherwise)
)]
async fn self_test(asking: Asking) -> Answered {
    asking.answer(Request::SelfTest).await
}

#[utoipa::path(
    post,
    path = "/v1/accounts/{name}/join",
    params(("name" = String, Path, description = "The account")),
    responses((status = 200, description = "For whom the asking process acts from now on, whatever it runs next", body = Joined), Otherwise)
)]
async fn join(asking: Asking, Path(name): Path<String>) -> Answered {
    asking.answer(Request::Join { account: name }).await
}

#[utoipa::path(
    get,
    path = "/v1/events",
    responses(
        (
            status = 200,
            description = "The events from now on, a JSON object a line. The last one is `cut` if the reader was too slow",
            content_type = "application/x-ndjson",
            body = String,
        ),
        Otherwise,
    )
)]
async fn watch(asking: Asking) -> Answered {
    // Before it is granted, so that nothing is missed in between.
    let events = asking.shared.events.subscribe();
    match asking.ask(Request::Watch).await? {
        Answer::Watching => Ok(events::stream(events, &asking.shared.watchers)),
        _ => Err(Problem::new(Code::Failed, "the daemon answered something else than was asked").into()),
    }
}

#[utoipa::path(
    get,
    path = "/v1/openapi.json",
    responses((status = 200, description = "This description", body = serde_json::Value), Otherwise)
)]
async fn description(asking: Asking) -> Json<utoipa::openapi::OpenApi> {
    Json((*asking.shared.openapi).clone())
}
