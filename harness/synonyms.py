"""What other programs call a setting or an option of ours, for the hint to somebody who writes that."""

_WORDS = {
    "learning_rate": "lr learningrate rate",
    "batch": "batch_size batchsize bs minibatch",
    "max_steps": "steps iterations iters num_steps",
    "epochs": "epoch num_epochs n_epochs",
    "optimizer": "optim optimiser opt",
    "schedule": "scheduler lr_schedule lr_scheduler",
    "clip": "grad_clip gradient_clip clip_norm clip_grad max_norm",
    "evaluations": "evals eval_every",
    "--budget": "hidden hidden_size hidden_units units width size params parameters",
    "--seeds": "seed random_seed",
    "--models": "model net",
    "--task": "tasks dataset problem",
    "--device": "gpu cuda cpu",
    "--workers": "jobs n_jobs num_workers threads processes",
    "--results": "out output outdir output_dir result save",
    "--reports": "report_dir pages",
    "--data": "data_dir data_root data_folder root",
    "--protocol": "protocols preset config",
    "--format": "form fmt",
}
OTHER_WORDS = {word: meant for meant, words in _WORDS.items() for word in words.split()}


def meant_by(word: str) -> str | None:
    """'lr' -> 'learning_rate', 'hidden-size' -> '--budget'; None for a word that is not known."""
    return OTHER_WORDS.get(word.strip("-").lower().replace("-", "_"))
