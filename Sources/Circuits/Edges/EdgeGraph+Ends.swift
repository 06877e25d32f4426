import Networks

extension EdgeGraph {
    /// The nodes of which a run with all edges matters at the last positions of sequences alone, and its gradients too.
    func nodesAtEnd(isSequence: Bool) -> Set<NodeID> {
        let ends = EdgeEnds(self, whole, isAtEnd: isSequence && hasEnds)
        var atEnd: Set<NodeID> = []
        var elsewhere: Set<NodeID> = [input]
        func sort(_ node: NodeID, _ isAtEnd: Bool) {
            if isAtEnd { atEnd.insert(node) } else { elsewhere.insert(node) }
        }
        for stage in stages {
            let isRead = stage.readers.allSatisfy { ends.readers[$0] }
            sort(stage.stream, isRead)
            if let norm = stage.norm { sort(norm.output, isRead) }
            guard !stage.isOutput else { continue }
            for unit in stage.units {
                for reader in unit.readers {
                    for slice in reader.slices { sort(unit.targets[slice.target].node, ends.readers[reader.reader]) }
                }
                for source in unit.sources { sort(stage.emission, ends.sources[source.source]) }
            }
        }
        return atEnd.subtracting(elsewhere)
    }
}
