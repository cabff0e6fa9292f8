"""Wrong answers to the exercises of lesson 13, and a word of what the check has to say."""

from __future__ import annotations

_NEWEST = (
    "(lambda made: (lab.clock.advance(minutes=1), cloudhsm.create_hsm(ClusterId=made, "
    'AvailabilityZone="us-east-1a"), lab.clock.advance(minutes=5), made)[-1])'
    '(cloudhsm.create_cluster(HsmType="hsm2m.medium", SubnetIds=subnets, SourceBackupId='
    'cloudhsm.describe_backups(Filters={"clusterIds": [lost.cluster_id]})["Backups"]'
    '[0]["BackupId"])'
    '["Cluster"]["ClusterId"])'
)
_TOKEN = 'cli.generate_token("user")'

WRONG: dict[str, list[tuple[str, str]]] = {
    "13_1": [
        ("17", "the id of a cluster is due"),
        ("lost", "not Lost"),
        ('"cluster-aaaaaaaaaaa"', "there is no cluster"),
        ('"backup"', "there is no cluster"),
        ("lost.cluster_id", "NoActiveHsm"),
        ("cluster", "a time when the key was gone"),
        (_NEWEST, "a time when the key was gone"),
    ],
    "13_2": [
        ("17", "a token is due, as a dict, not int"),
        ("None", "not NoneType"),
        ("{}", "this is not a quorum token"),
        (_TOKEN, "0 of 2 admins approved"),
        (f"board[0].approve({_TOKEN})", "1 of 2 admins approved"),
        (f"board[0].approve(board[0].approve({_TOKEN}))", "1 of 2 admins approved"),
        (f'ceremony.Approver("second").approve(board[0].approve({_TOKEN}))', "1 of 2"),
        (f'ceremony.Approver("eve").approve(board[0].approve({_TOKEN}))', "1 of 2"),
        ('board[1].approve(board[0].approve(cli.generate_token("quorum")))', "not one of this"),
        (f"{{**board[0].approve({_TOKEN}), 'token': 'AAAA'}}", "SHA-256"),
    ],
}
