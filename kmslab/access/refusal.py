"""The error of a refused call, in AWS's words.

    User: arn:aws:iam::111122223333:user/alice is not authorized to perform: kms:Decrypt on
    resource: arn:aws:kms:… because no identity-based policy allows the kms:Decrypt action

One kind of policy is named, even where several deny. For another account's resource whose owner's
side keeps silent, AWS doesn't say whether the resource exists. Sources: IAM User Guide,
"Troubleshoot access denied error messages"; messages that users have reported.
"""

from __future__ import annotations

from kmslab.access.ask import Ask
from kmslab.aws.call import Call
from kmslab.errors import AwsError
from kmslab.iam.decision import Decision, Layer

_CODES = {
    **dict.fromkeys(("iam", "sts", "s3"), ("AccessDenied", 403)),
    "ec2": ("UnauthorizedOperation", 403),
}
_BEFORE = {"ec2": "You are not authorized to perform this operation. "}
_OWNERS = (Layer.RESOURCE, Layer.RCP)


def refusal(call: Call, ask: Ask, decision: Decision) -> AwsError:
    """The error for a decision that isn't `Allowed`."""
    if call.service == "s3" and not decision.request.is_own:
        return AwsError("AccessDenied", "Access Denied", 403)  # S3 gives strangers no reasons
    if not decision.request.is_own and decision.layer in _OWNERS:
        return hidden(call, ask.action)
    is_any = ask.resource.endswith("/*") and call.service != "ec2"
    at = "" if is_any else f" on resource: {_resource(call, ask)}"
    return _error(call, f"{ask.action}{at} {decision.reason}")


def _resource(call: Call, ask: Ask) -> str:
    """S3's messages put an ARN between quotes."""
    return f'"{ask.resource}"' if call.service == "s3" and ask.resource != "*" else ask.resource


def hidden(call: Call, action: str) -> AwsError:
    """The refusal that doesn't say whether the other account's resource exists."""
    return _error(
        call,
        f"{action} on this resource because the resource does not exist in this Region, no "
        "resource-based policies allow access, or a resource-based policy explicitly denies access",
    )


def _error(call: Call, what: str) -> AwsError:
    code, status = _CODES.get(call.service, ("AccessDeniedException", 400))
    before = _BEFORE.get(call.service, "")
    who = f"{before}User: {call.principal.arn} is not authorized to perform: "
    return AwsError(code, who + what, status)
