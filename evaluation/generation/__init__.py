"""The task `generation`: how much better a text is written for somebody who is known.

`task` says what is asked, `examples` and `contexts` what each level is told, `extractive`,
`openai` and `pipeline` write, `metrics` compares with what the user really wrote, `figures` sums
up, `run` does it all over files.
"""
