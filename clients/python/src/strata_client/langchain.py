"""A LangChain retriever over what a user wrote. Needs the extra `langchain`."""

from langchain_core.callbacks import (
    AsyncCallbackManagerForRetrieverRun,
    CallbackManagerForRetrieverRun,
)
from langchain_core.documents import Document
from langchain_core.retrievers import BaseRetriever
from pydantic import ConfigDict, Field

from strata_client import answers
from strata_client._async import AsyncStrata
from strata_client._calls import Filters
from strata_client._sync import Strata

__all__ = ["StrataRetriever"]


class StrataRetriever(BaseRetriever):
    """Finds passages of one user's own documents; else items of the layers above, if asked to.

    A document's metadata says where it is from: `level` (`user`, `persona` or `global`), `score`,
    and `document_id`, `title`, `kind`, `at`, `passage`, `start` of a passage, or `item_id` and
    `title` of an item.

    Args:
        client: For `invoke`; stays the caller's to close.
        async_client: For `ainvoke`; without it the other one is used in a thread.
        items: Whether items are given where no passage answers.
    """

    model_config = ConfigDict(arbitrary_types_allowed=True)

    client: Strata
    async_client: AsyncStrata | None = None
    user_id: str
    limit: int = Field(default=5, ge=1, le=100)
    filters: Filters | None = None
    items: bool = False

    def _get_relevant_documents(
        self,
        query: str,
        *,
        run_manager: CallbackManagerForRetrieverRun,  # noqa: ARG002 - LangChain calls it so
    ) -> list[Document]:
        return self._documents(
            self.client.retrieve(self.user_id, query, limit=self.limit, filters=self.filters)
        )

    async def _aget_relevant_documents(
        self, query: str, *, run_manager: AsyncCallbackManagerForRetrieverRun
    ) -> list[Document]:
        if self.async_client is None:
            return await super()._aget_relevant_documents(query, run_manager=run_manager)
        return self._documents(
            await self.async_client.retrieve(
                self.user_id, query, limit=self.limit, filters=self.filters
            )
        )

    def _documents(self, found: answers.Retrieval) -> list[Document]:
        passages = [
            Document(
                page_content=one.text,
                metadata={
                    "level": one.level,
                    "score": one.score,
                    "document_id": one.document_id,
                    "title": one.title,
                    "kind": one.kind,
                    "at": one.at,
                    "passage": one.passage,
                    "start": one.start,
                },
            )
            for one in found.passages
        ]
        if passages or not self.items:
            return passages
        return [
            Document(
                page_content=one.text,
                metadata={
                    "level": one.level,
                    "score": one.score,
                    "item_id": one.item_id,
                    "title": one.title,
                },
            )
            for one in found.items
        ]
