/// Who gets which connection, as a pure state machine: connections are made when they are needed, up to a bound, and who comes
/// after that waits in line.
package struct PostgresPool<Link, Job> {
    private let linksMax: Int
    private var idle: [Link] = []
    /// How many connections there are, those on loan and those being made among them.
    private var count = 0
    private var waiting: ArraySlice<Job> = []
    private var isClosed = false

    /// - Parameter linksMax: how many connections there are at most.
    package init(linksMax: Int) {
        self.linksMax = linksMax
    }

    /// What is to be done for who asked.
    package enum Step {
        case use(Link, Job)
        /// Make a connection for it.
        case open(Job)
        /// Nothing, for now.
        case rest
        /// The pool is closed.
        case refuse(Job)
    }

    /// Somebody wants a connection.
    package mutating func ask(_ job: Job) -> Step {
        guard !isClosed else { return .refuse(job) }
        if let link = idle.popLast() { return .use(link, job) }
        guard count < linksMax else {
            waiting.append(job)
            return .rest
        }
        count += 1
        return .open(job)
    }

    /// A connection comes back, or `nil` in the place of one that broke or could not be made.
    package mutating func giveBack(_ link: Link?) -> Step {
        guard !isClosed else { return .rest }
        if let job = waiting.popFirst() {
            guard let link else { return .open(job) }
            return .use(link, job)
        }
        if let link { idle.append(link) } else { count -= 1 }
        return .rest
    }

    /// Lends nothing from now on.
    ///
    /// - Returns: who waits in vain. Connections that nobody uses end here, those on loan when they come back.
    package mutating func close() -> [Job] {
        isClosed = true
        idle = []
        defer { waiting = [] }
        return Array(waiting)
    }
}
