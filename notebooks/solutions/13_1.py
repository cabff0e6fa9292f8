backups = cloudhsm.describe_backups(Filters={"clusterIds": [lost.cluster_id]})["Backups"]
before = backups[2]["BackupId"]  # newest first: two were made by DeleteHsm, without the key
found = cloudhsm.create_cluster(
    HsmType="hsm2m.medium", SubnetIds=["subnet-0a1b2c3d"], SourceBackupId=before
)
answer = found["Cluster"]["ClusterId"]
lab.clock.advance(minutes=1)
cloudhsm.create_hsm(ClusterId=answer, AvailabilityZone="us-east-1a")
lab.clock.advance(minutes=5)
check.lesson13.ex1(lab, lost, answer)
