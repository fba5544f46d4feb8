"""The MCP server, over either transport."""

import logging
from typing import Any

from mcp import MCPError
from mcp.server import Server
from mcp_types import (
    INTERNAL_ERROR,
    CallToolRequestParams,
    CallToolResult,
    ListToolsResult,
    PaginatedRequestParams,
    TextContent,
)
from pydantic import BaseModel, ValidationError

from app.agents.api import Caller, TasksAPI, Upstream
from app.agents.failures import NO_CHANGE, NOT_REACHABLE, Refused
from app.agents.tools import INSTRUCTIONS, OFFERS, Offer, run_tool
from config import TITLE, VERSION

logger = logging.getLogger("app.agents")

CALLER = "tasks.caller"  # the key in the scope of an HTTP request
Context = Any  # ServerRequestContext


def make_server(upstream: Upstream, user: Caller | None = None) -> Server[dict[str, Any]]:
    """Return a server that acts for `user`, or, where that is None, for the caller of each HTTP request."""

    def caller_of(context: Context) -> Caller:
        if user is not None:
            return user
        caller: Caller = context.request.scope[CALLER]
        return caller

    async def list_tools(context: Context, _params: PaginatedRequestParams | None) -> ListToolsResult:
        if not caller_of(context).is_verified:
            raise MCPError(INTERNAL_ERROR, NOT_REACHABLE)
        return ListToolsResult(tools=[offer.tool for offer in OFFERS.values()])

    async def call_tool(context: Context, params: CallToolRequestParams) -> CallToolResult:
        offer = OFFERS.get(params.name)
        if offer is None:
            return _fail(f"There is no tool of this name. The tools are {', '.join(OFFERS)}.")
        return await _call(TasksAPI(upstream, caller_of(context)), offer, params.arguments or {})

    return Server(
        "tasks",
        title=TITLE,
        version=VERSION,
        instructions=INSTRUCTIONS,
        get_tool_input_schema=lambda name: OFFERS[name].tool.input_schema if name in OFFERS else None,
        on_list_tools=list_tools,
        on_call_tool=call_tool,
    )


async def _call(api: TasksAPI, offer: Offer, arguments: dict[str, Any]) -> CallToolResult:
    try:
        wanted = offer.arguments.model_validate(arguments)
        answer, is_refusal = await run_tool(api, offer, wanted)
    except ValidationError as error:
        return _fail(_describe_faults(error))
    except Refused as refusal:
        return _fail(str(refusal))
    except Exception:  # What it says may be of any origin, so the model does not see it.
        logger.exception("The tool %s failed", offer.name)
        return _fail("This server has a fault; its log says more. Look with list_tasks before you repeat a change.")
    return _answer(answer, is_error=is_refusal)


def _answer(answer: BaseModel, *, is_error: bool) -> CallToolResult:
    """Return the answer in both forms: assistants before version 2025-06-18 of the protocol read the text only."""
    text = TextContent(type="text", text=answer.model_dump_json())
    return CallToolResult(content=[text], structured_content=answer.model_dump(mode="json"), is_error=is_error)


def _fail(sentence: str) -> CallToolResult:
    return CallToolResult(content=[TextContent(type="text", text=sentence)], is_error=True)


def _describe_faults(error: ValidationError) -> str:
    """Name each argument and what is wrong with it, but not what was sent."""
    faults = "; ".join(
        f"{'.'.join(str(part) for part in fault['loc'])}: {fault['msg']}" for fault in error.errors(include_input=False)
    )
    return f"Wrong arguments: {faults}. {NO_CHANGE} Correct them by the schema of the tool and call again."
