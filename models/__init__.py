"""The models, one paper a file. These tables are the only place that lists them.

Their order is that of every report. A name leads to "file:attribute", a ModelSpec, which is imported only when it is
asked for. To add a model, write a file and add one line.
"""

PAPERS: dict[str, str] = {
    "lstm-s": ".lstm:LSTM_S",
    "lstm-m": ".lstm:LSTM_M",
    "gru": ".gru:GRU",
    "hm-lstm": ".hmlstm:HM_LSTM",
    "dilated-lstm": ".dilated:DILATED_LSTM",
    "tp-rnn-s": ".tprnn:TP_RNN_S",
    "tp-rnn-m": ".tprnn:TP_RNN_M",
    "slstm": ".asrnn:SLSTM",
    "sgru": ".asrnn:SGRU",
    "aslstm": ".asrnn:ASLSTM",
    "asgru": ".asrnn:ASGRU",
    "clockwork": ".clockwork:CLOCKWORK",
}
"""The rows of the two papers' tables, in their order: what `--models all` and every number of the README mean."""

VARIANTS: dict[str, str] = {
    "tp-rnn-s-released": ".tprnn:TP_RNN_S_RELEASED",
    "tp-rnn-m-released": ".tprnn:TP_RNN_M_RELEASED",
    "hm-lstm-compact-gates": ".hmlstm:HM_LSTM_COMPACT_GATES",
}
"""The same models as released or ported code has them."""

ZOO: dict[str, str] = {
    "tanh-rnn": ".zoo.simple:TANH_RNN",
    "irnn": ".zoo.simple:I_RNN",
    "mgu": ".zoo.mgu:MGU",
    "rhn": ".zoo.highway:RHN",
    "gf-lstm": ".zoo.feedback:GF_LSTM",
    "gf-gru": ".zoo.feedback:GF_GRU",
    "mtgru": ".zoo.timescale:MTGRU",
    "dilated-rnn": ".dilated:DILATED_RNN",
    "dilated-gru": ".dilated:DILATED_GRU",
    "hornn": ".zoo.hornn:HORNN",
    "stanh-rnn": ".zoo.skip:STANH_RNN",
    "mist": ".zoo.mist:MIST_RNN",
    "qrnn": ".zoo.qrnn:QRNN",
    "mingru": ".zoo.modern.minimal:MIN_GRU",
    "minlstm": ".zoo.modern.minimal:MIN_LSTM",
    "lem": ".zoo.modern.lem:LEM",
    "cornn": ".zoo.modern.cornn:CO_RNN",
    "urnn": ".zoo.unitary:U_RNN",
    "sfm": ".zoo.frequency:SFM",
    "nru": ".zoo.modern.nonsaturating:NRU",
    "unicornn": ".zoo.modern.unicornn:UNI_CO_RNN",
    "xlstm-s": ".zoo.modern.xlstm:XLSTM_S",
    "lru": ".zoo.modern.lru:LRU_NET",
    "s4d": ".zoo.modern.s4d:S4D",
    "goru": ".zoo.rotations:GORU",
    "skip-lstm": ".zoo.gated.skipping:SKIP_LSTM",
    "skip-gru": ".zoo.gated.skipping:SKIP_GRU",
    "full-urnn": ".zoo.fullunitary:FULL_U_RNN",
    "bn-lstm": ".zoo.gated.normalised:BN_LSTM",
    "indrnn": ".zoo.independent:IND_RNN",
    "zoneout-lstm": ".zoo.gated.zoneout:ZONEOUT_LSTM",
    "plstm": ".zoo.gated.phased:P_LSTM",
    "sab": ".zoo.gated.backtracking:SAB",
    "exprnn": ".zoo.modern.exprnn:EXP_RNN",
    "lmu": ".zoo.modern.lmu:LMU",
    "mamba": ".zoo.modern.mamba:MAMBA",
    "s5": ".zoo.modern.s5:S5",
    "tcn": ".zoo.yardsticks.tcn:TCN",
    "transformer": ".zoo.yardsticks.attention:TRANSFORMER",
    "variational-lstm": ".zoo.text.variational:VARIATIONAL_LSTM",
    "pointer-lstm": ".zoo.text.pointer:POINTER_LSTM",
    "cache-lstm": ".zoo.text.cache:CACHE_LSTM",
    "r-lstm": ".zoo.gated.auxiliary:R_LSTM",
    "hierarchical-rnn": ".zoo.clocks.hierarchical:HIERARCHICAL_RNN",
    "gmm": ".zoo.yardsticks.gmm:GMM",
    "raw-cnn": ".zoo.yardsticks.rawcnn:RAW_CNN",
}
"""Models of other papers, beside which those of the two may be seen."""

GROUPS = {"papers": PAPERS, "variants": VARIANTS, "zoo": ZOO}

PARTS = {
    room: {name: place for name, place in ZOO.items() if place.startswith(f".zoo.{room}.")}
    for room in ("modern", "yardsticks", "text")
}
"""Groups whose models are also in one of GROUPS: since 2019, without a recurrence, and of texts."""

MODELS = PAPERS | VARIANTS | ZOO

SHOWN_AFTER = {"tp-rnn-s-released": "tp-rnn-m", "tp-rnn-m-released": "tp-rnn-s-released"}
"""In reports these follow another model; all others stand in the order of MODELS."""
