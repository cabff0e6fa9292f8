token = cli.generate_token("user")
answer = board[2].approve(board[0].approve(token))
check.lesson13.ex2(cli, answer)
