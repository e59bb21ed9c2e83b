"""What a data policy says that cannot be meant, beside what else is declared. Pure."""

from collections.abc import Iterator, Mapping

from profiles.declared import NOTHING_DECLARED, DeclaredPersonas
from profiles.norms import NO_NORMS, Norms
from profiles.privacy.data_policy import DataPolicy, Purpose
from profiles.state import CONSENTED, DataType

__all__ = ["doubts_of"]

_USES = {
    DataType.DOCUMENTS: {Purpose.PROMPTING, Purpose.AGGREGATES},
    DataType.ATTRIBUTES: set(Purpose),
    DataType.INTERACTIONS: set(Purpose),
    DataType.PREFERENCES: set(Purpose),
}


def doubts_of(
    data: DataPolicy,
    *,
    declared: DeclaredPersonas = NOTHING_DECLARED,
    norms: Norms = NO_NORMS,
    log_kept_days: Mapping[DataType, float | None] | None = None,
) -> Iterator[str]:
    """One sentence for each.

    Args:
        log_kept_days: How long Kafka keeps events of a kind; None for ever.
    """
    for kind in sorted(CONSENTED):
        rule = data.rule(kind)
        if not rule.purposes:
            yield f"{kind} are kept and serve no purpose"
        elif not rule.purposes & _USES[kind]:
            yield f"{kind} serve {', '.join(sorted(rule.purposes))}, which uses none of them"
        elif Purpose.TRAINING in rule.purposes and Purpose.AGGREGATES not in rule.purposes:
            only = "are exported, but nothing is" if kind is DataType.PREFERENCES else "are not"
            yield f"{kind} {only} learned from: models are everybody's, so they need aggregates too"
        if rule.kept_days is not None and log_kept_days is not None:
            longest = log_kept_days.get(kind)
            if longest is None or longest > rule.kept_days:
                how = "for ever" if longest is None else f"{longest:g} days"
                yield f"{kind} are kept {rule.kept_days:g} days, and their topic keeps them {how}"
    attributes = data.rule(DataType.ATTRIBUTES).purposes
    if declared.by_id and Purpose.AGGREGATES not in attributes:
        yield "declared personas count nobody: attributes do not serve aggregates"
    about_users = [norm.id for norm in norms.norms if norm.users is not None]
    if about_users and Purpose.RANKING not in attributes:
        yield (
            f"whom {', '.join(about_users)} is about is unknown of everybody: attributes do not "
            "serve ranking"
        )
